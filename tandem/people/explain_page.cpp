#include <fmt/format.h>
#include <tandem/evaluate/page_document.h>
#include <tandem/people/explain_page.h>

#include <algorithm>
#include <cmath>

namespace tandem::people {
namespace {

using evaluate::escaped_html;

constexpr const char* head = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Why · Tandem</title>
<style>
:root { color-scheme: light dark; --for: 40,140,255; --against: 255,120,30; }
body { font: 1rem/1.8 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 2rem 0 .2rem; }
p { margin: .3rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.note { opacity: .7; font-size: .85rem; }
mark { color: inherit; border-radius: .2rem; padding: .1rem 0; }
.for { border-bottom: 2px solid rgb(var(--for)); } .against { border-bottom: 2px dotted rgb(var(--against)); }
</style>
</head>
<body>
<h1>Why the network said so</h1>
<p class="note"><mark class="for" style="background:rgba(var(--for),.5)">Blue, with a line</mark> speaks for the class, <mark class="against" style="background:rgba(var(--against),.5)">orange, with dots</mark> against it; the stronger, the more. Point at a word for its figure.</p>
<p class="note" lang="zh"><mark class="for" style="background:rgba(var(--for),.5)">蓝色（实线）</mark>支持该类别，<mark class="against" style="background:rgba(var(--against),.5)">橙色（虚线）</mark>反对；颜色越深，作用越大。指向词语可看数值。</p>
)html";

std::string coloured(const ExplainedText& e) {
  std::string out;
  size_t at = 0;
  for (const auto& part : e.why.parts) {
    out += escaped_html(std::string_view(e.text).substr(at, part.begin - at));
    const double strength = strength_of(part, e.why);
    const char* side = part.adds >= 0 ? "for" : "against";
    out += strength < 0.02 ? fmt::format("<span title=\"{:+.4g}\">{}</span>", part.adds, escaped_html(part.text))
                           : fmt::format(
                                 "<mark class=\"{}\" style=\"background:rgba(var(--{}),{:.2f})\" "
                                 "title=\"{:+.4g}\">{}</mark>",
                                 side, side, 0.7 * strength, part.adds, escaped_html(part.text));
    at = part.end;
  }
  return out + escaped_html(std::string_view(e.text).substr(at));
}

}  // namespace

double strength_of(const TextExplanation::Part& part, const TextExplanation& of) {
  double largest = 0;
  for (const auto& p : of.parts) largest = std::max(largest, std::abs(p.adds));
  return largest > 0 ? std::abs(part.adds) / largest : 0;
}

std::string explanation_page(std::span<const ExplainedText> texts) {
  std::string out = head;
  for (const ExplainedText& e : texts) {
    out += fmt::format("<h2>{} · {:.1f} %</h2>\n<p>{}</p>\n", escaped_html(e.answer), 100 * e.probability, coloured(e));
    out += fmt::format("<p class=\"note\">{}: {} {:.4g}, {:.4g} without words{}</p>\n", escaped_html(e.why.method),
                       escaped_html(e.target), e.why.output, e.why.baseline_output,
                       std::isnan(e.why.gap) ? "" : fmt::format(", off by {:.2f} %", 100 * e.why.gap));
  }
  return out + "</body>\n</html>\n";
}

}  // namespace tandem::people
