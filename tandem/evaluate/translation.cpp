#include <fmt/format.h>
#include <tandem/base/text.h>
#include <tandem/evaluate/page_data.h>
#include <tandem/evaluate/page_document.h>
#include <tandem/evaluate/translation.h>
#include <tandem/evaluate/translation_script.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tandem::evaluate {
namespace {

using nlohmann::ordered_json;

ordered_json samples_json(const TranslationSamples& samples) {
  const auto list = [](const std::vector<TranslationSample>& some) {
    ordered_json out = ordered_json::array();
    for (const TranslationSample& s : some)
      out.push_back(
          {{"source", s.source}, {"reference", s.reference}, {"translation", s.translation}, {"bleu", s.bleu}});
    return out;
  };
  return {{"worst", list(samples.worst)}, {"best", list(samples.best)}, {"others", list(samples.others)}};
}

ordered_json details_json(const Bleu& bleu) {
  return {{"signature", "case:mixed|tok:13a|smooth:exp"},
          {"precisions", bleu.precisions},
          {"brevity", bleu.brevity},
          {"length", bleu.length},
          {"reference_length", bleu.reference_length}};
}

ordered_json measured_json(const TranslationFigures& f) {
  return {{"examples", f.pairs},    {"tokens", f.tokens},   {"loss", f.loss},
          {"accuracy", f.accuracy}, {"bleu", f.bleu.score}, {"bleu_lower", f.bleu_lower.score},
          {"unknown", f.unknown}};
}

ordered_json settings_json(const TranslationFigures& f) {
  return {{"source_vocabulary", f.source_vocabulary},
          {"target_vocabulary", f.target_vocabulary},
          {"beam", f.beam},
          {"length_penalty", f.length_penalty}};
}

}  // namespace

TranslationSamples choose_samples(std::vector<TranslationSample> all) {
  constexpr size_t most = 6;
  TranslationSamples out;
  std::vector<size_t> order(all.size());
  for (size_t i = 0; i < all.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, std::less{}, [&](size_t i) { return all[i].bleu; });
  const size_t ends = std::min(most, all.size() / 3);  // no text stands twice
  std::vector<bool> taken(all.size());
  const auto take = [&](std::vector<TranslationSample>& into, size_t i) {
    taken[i] = true;
    into.push_back(all[i]);
  };
  for (size_t i = 0; i < ends; ++i) take(out.worst, order[i]);
  for (size_t i = 0; i < ends; ++i) take(out.best, order[order.size() - 1 - i]);
  std::vector<size_t> left;
  for (size_t i = 0; i < all.size(); ++i)
    if (!taken[i]) left.push_back(i);
  const size_t others = std::min(most, left.size());
  for (size_t i = 0; i < others; ++i) out.others.push_back(all[left[i * left.size() / others]]);
  return out;
}

std::string report_json(const TranslationReport& r) {
  ordered_json out{{"name", r.facts.name}, {"task", r.facts.task}, {"data", r.facts.data}, {"split", r.facts.split}};
  out.update(measured_json(r.figures));
  out["bleu_details"] = details_json(r.figures.bleu);
  if (r.validation) out["validation"] = measured_json(*r.validation);
  out.update(settings_json(r.figures));
  out.update({{"samples", samples_json(r.samples)},
              {"seconds", r.facts.seconds},
              {"train_seconds", r.facts.train_seconds},
              {"parameters", r.facts.parameters},
              {"seed", r.facts.seed},
              {"version", r.facts.version},
              {"command", r.facts.command},
              {"date", r.facts.date},
              {"machine", r.facts.machine}});
  if (!r.facts.remarks.empty()) out["remarks"] = ordered_json::parse(remarks_json(r.facts));
  return dumped(out, 2) + "\n";
}

std::string text_table(const TranslationReport& r) {
  const TranslationFigures& f = r.figures;
  std::string out = fmt::format("{:<16} {:>10}", "", r.facts.split);
  if (r.validation) out += fmt::format(" {:>10}", "validation");
  const auto row = [&](const char* name, const auto& value) {
    out += fmt::format("\n{:<16} {:>10}", name, value(f));
    if (r.validation) out += fmt::format(" {:>10}", value(*r.validation));
  };
  using F = const TranslationFigures&;
  row("BLEU", [](F a) { return fmt::format("{:.2f}", a.bleu.score); });
  row("BLEU lower case", [](F a) { return fmt::format("{:.2f}", a.bleu_lower.score); });
  row("loss", [](F a) { return fmt::format("{:.4f}", a.loss); });
  row("accuracy", [](F a) { return fmt::format("{:.2f} %", 100 * a.accuracy); });
  row("pairs", [](F a) { return grouped(a.pairs); });
  out += fmt::format("\n\nbeam {}, length penalty {}, vocabularies {} and {}{}\n", f.beam, f.length_penalty,
                     grouped(f.source_vocabulary), grouped(f.target_vocabulary),
                     f.unknown > 0 ? fmt::format(", {:.2f} % of the sources unknown", 100 * f.unknown) : "");
  return out;
}

std::string report_page(const TranslationPage& page) {
  const TranslationReport& r = page.report;
  const RunFacts& facts = r.facts;
  const std::string run = facts.folder.empty() ? "RUN" : facts.folder;
  const std::vector<NextStep> next{
      {"tandem translate " + run + " TEXT", "Translate a text", "翻译一段文字"},
      {"tandem translate " + run + " FILE.txt > OUT.txt", "Translate a file, line by line", "逐行翻译文件"},
      {"tandem evaluate " + run + " --on PATH", "Measure on pairs of your own", "用自己的句对评估"}};
  ordered_json data = run_data(facts, page.history, page.kept_epoch, page.recipe, page.network, next);
  ordered_json& figures = data["figures"] = measured_json(r.figures);
  figures["pairs"] = r.figures.pairs;
  figures.update(settings_json(r.figures));
  data["validation"] = r.validation ? measured_json(*r.validation) : ordered_json();
  data["samples"] = samples_json(r.samples);
  const std::string plain = fmt::format(
      "<h1>{}</h1><p>{} · {}</p><ul><li>BLEU {:.2f}, lower case {:.2f}</li><li>Loss {:.4f} nats a token</li></ul>",
      escaped_html(facts.name), escaped_html(facts.data), escaped_html(facts.split), r.figures.bleu.score,
      r.figures.bleu_lower.score, r.figures.loss);
  return page_document({.title = facts.name,
                        .style = translation_page_style,
                        .plain = plain,
                        .data = dumped(data, -1),
                        .script = translation_page_script});
}

}  // namespace tandem::evaluate
