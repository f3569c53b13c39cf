#include <fmt/format.h>
#include <tandem/base/text.h>
#include <tandem/evaluate/language.h>
#include <tandem/evaluate/language_script.h>
#include <tandem/evaluate/page_data.h>
#include <tandem/evaluate/page_document.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::evaluate {
namespace {

using nlohmann::ordered_json;

ordered_json samples_json(const std::vector<Sample>& samples) {
  ordered_json out = ordered_json::array();
  for (const Sample& s : samples) out.push_back({{"prompt", s.prompt}, {"text", s.text}});
  return out;
}

}  // namespace

double LanguageFigures::perplexity() const { return std::exp(loss); }

std::string report_json(const RunFacts& facts, const LanguageFigures& f, const std::vector<Sample>& samples) {
  ordered_json out{{"name", facts.name},
                   {"task", facts.task},
                   {"data", facts.data},
                   {"split", facts.split},
                   {"examples", f.tokens},
                   {"loss", f.loss},
                   {"perplexity", f.perplexity()},
                   {"accuracy", f.accuracy},
                   {"unknown", f.unknown},
                   {"vocabulary", f.vocabulary},
                   {"context", f.context},
                   {"carry", f.carry},
                   {"samples", samples_json(samples)},
                   {"seconds", facts.seconds},
                   {"train_seconds", facts.train_seconds},
                   {"parameters", facts.parameters},
                   {"seed", facts.seed},
                   {"version", facts.version},
                   {"command", facts.command},
                   {"date", facts.date},
                   {"machine", facts.machine}};
  if (!facts.remarks.empty()) out["remarks"] = ordered_json::parse(remarks_json(facts));
  return dumped(out, 2) + "\n";
}

std::string text_table(const LanguageFigures& f) {
  return fmt::format(
      "loss        {:.4f} nats a token\nperplexity  {:.4g}\naccuracy    {:.2f} %\n\n{} tokens, vocabulary {}{}\n",
      f.loss, f.perplexity(), 100 * f.accuracy, grouped(f.tokens), grouped(f.vocabulary),
      f.unknown > 0 ? fmt::format(", {:.2f} % unknown", 100 * f.unknown) : "");
}

std::string report_page(const LanguagePage& page) {
  const RunFacts& facts = page.facts;
  const LanguageFigures& f = page.figures;
  const std::string run = facts.folder.empty() ? "RUN" : facts.folder;
  const std::vector<NextStep> next{
      {"tandem generate " + run + " --prompt 'Once'", "Let it write", "让它写下去"},
      {"tandem evaluate " + run + " --json", "Measure again, for a program to read", "重新评估，输出供程序读取"},
      {"tandem evaluate " + run + " --on text.txt", "Measure on a text of your own", "用自己的文本评估"}};
  ordered_json data = run_data(facts, page.history, page.kept_epoch, page.recipe, page.network, next);
  data["samples"] = samples_json(page.samples);
  data["figures"] = {{"tokens", f.tokens},     {"loss", f.loss},       {"perplexity", f.perplexity()},
                     {"accuracy", f.accuracy}, {"unknown", f.unknown}, {"vocabulary", f.vocabulary},
                     {"context", f.context},   {"carry", f.carry}};
  const std::string plain = fmt::format(
      "<h1>{}</h1><p>{} · {}</p><ul><li>Loss {:.4f} nats a token</li><li>Perplexity {:.4g}</li></ul>",
      escaped_html(facts.name), escaped_html(facts.data), escaped_html(facts.split), f.loss, f.perplexity());
  return page_document({.title = facts.name,
                        .style = language_page_style,
                        .plain = plain,
                        .data = dumped(data, -1),
                        .script = language_page_script});
}

}  // namespace tandem::evaluate
