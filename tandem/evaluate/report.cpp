#include <fmt/format.h>
#include <tandem/evaluate/report.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::evaluate {
namespace {

using nlohmann::ordered_json;

constexpr size_t confusion_limit = 20;  // classes whose matrix still fits a terminal

ordered_json scores_json(const Scores& s) { return {{"precision", s.precision}, {"recall", s.recall}, {"f1", s.f1}}; }

/// The code point at text[at] and the bytes it takes; a byte that starts no valid sequence stands for itself.
std::pair<char32_t, size_t> code_point(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : '\0'); };
  const unsigned char lead = byte(at);
  const size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (length == 1) return {lead, 1};
  char32_t point = lead & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {lead, 1};
    point = point << 6 | (byte(at + i) & 0x3fu);
  }
  return {point, length};
}

/// Unicode's East Asian Width (wide and full-width blocks) and the marks that add no column.
int64_t columns(char32_t c) {
  const auto in = [c](char32_t low, char32_t high) { return c >= low && c <= high; };
  if (in(0x0300, 0x036f) || in(0x200b, 0x200f) || in(0xfe00, 0xfe0f) || in(0x20d0, 0x20ff)) return 0;
  return in(0x1100, 0x115f) || in(0x2e80, 0x303e) || in(0x3041, 0xa4cf) || in(0xac00, 0xd7a3) || in(0xf900, 0xfaff) ||
                 in(0xfe30, 0xfe6f) || in(0xff00, 0xff60) || in(0xffe0, 0xffe6) || in(0x1f300, 0x1faff) ||
                 in(0x20000, 0x3fffd)
             ? 2
             : 1;
}

std::string right(std::string_view text, int64_t width) {
  return std::string(static_cast<size_t>(std::max<int64_t>(0, width - display_width(text))), ' ') + std::string(text);
}

/// At most `width` columns, the last one an ellipsis when something was cut.
std::string cut(std::string_view text, int64_t width) {
  if (display_width(text) <= width) return std::string(text);
  int64_t used = 0;
  size_t at = 0;
  while (at < text.size()) {
    const auto [point, length] = code_point(text, at);
    if (used + columns(point) > width - 1) break;
    used += columns(point);
    at += length;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string confusion_table(const Classification& result, int64_t name_width) {
  int64_t width = 1;
  for (const auto& row : result.confusion)
    for (const int64_t count : row) width = std::max(width, static_cast<int64_t>(std::to_string(count).size()));
  for (const auto& score : result.classes) width = std::max(width, std::min<int64_t>(8, display_width(score.name)));

  std::string out = "confusion (rows: true class, columns: predicted)\n\n" + right("", name_width);
  for (const auto& score : result.classes) out += "  " + right(cut(score.name, width), width);
  out += '\n';
  for (size_t t = 0; t < result.confusion.size(); ++t) {
    out += right(result.classes[t].name, name_width);
    for (const int64_t count : result.confusion[t])
      out += "  " + right(count == 0 ? "·" : std::to_string(count), width);
    out += '\n';
  }
  return out;
}

ordered_json people_json(const Deferral& d) {
  ordered_json sets = ordered_json::array(), curve = ordered_json::array(), strangers = ordered_json::array();
  for (const Strangers& s : d.strangers)
    strangers.push_back({{"source", s.source},
                         {"examples", s.examples},
                         {"auc", s.auc},
                         {"deferred", s.deferred},
                         {"unfamiliar", s.unfamiliar}});
  for (const SetScores& s : d.sets)
    sets.push_back({{"promised", s.promised},
                    {"covered", s.covered},
                    {"interval", ordered_json::array({s.interval.low, s.interval.high})},
                    {"mean_size", s.mean_size},
                    {"empty", s.empty},
                    {"single", s.single}});
  for (const SharePoint& point : d.curve) curve.push_back(ordered_json::array({point.share, point.accuracy}));
  return {{"goal", d.goal.text()},
          {"reached", d.reached},
          {"temperature", d.temperature},
          {"ece_before", d.ece_before},
          {"answered",
           {{"examples", d.answered},
            {"share", d.share},
            {"errors", d.errors},
            {"accuracy", d.accuracy},
            {"accuracy_interval", ordered_json::array({d.interval.low, d.interval.high})}}},
          {"deferred", {{"unsure", d.unsure}, {"unfamiliar", d.unfamiliar}, {"errors_caught", d.caught}}},
          {"accuracy", {{"network", d.network}, {"person", d.person}, {"both", d.pair}}},
          {"sets", std::move(sets)},
          {"strangers", std::move(strangers)},
          {"curve", std::move(curve)}};
}

ordered_json interval_json(const Interval& i) { return ordered_json::array({i.low, i.high}); }
ordered_json share_json(const Share& s) { return {{"value", s.value}, {"interval", interval_json(s.interval)}}; }
ordered_json figure_json(const Figure& f) { return {{"value", f.value}, {"interval", interval_json(f.interval)}}; }

ordered_json decision_at(const Decision& d, double threshold) {
  return {{"threshold", threshold},
          {"true_positive", d.true_positive},
          {"false_negative", d.false_negative},
          {"false_positive", d.false_positive},
          {"true_negative", d.true_negative},
          {"sensitivity", share_json(d.sensitivity())},
          {"specificity", share_json(d.specificity())},
          {"ppv", share_json(d.ppv())},
          {"npv", share_json(d.npv())},
          {"accuracy", share_json(d.accuracy())}};
}

ordered_json gaps_json(const std::vector<Gap>& gaps) {
  ordered_json out = ordered_json::array();
  for (const Gap& gap : gaps)
    out.push_back({{"rate", gap.rate},
                   {"gap", gap.gap},
                   {"interval", interval_json(gap.interval)},
                   {"highest", gap.highest},
                   {"lowest", gap.lowest}});
  return out;
}

ordered_json group_json(const GroupReport& report, double threshold) {
  ordered_json groups = ordered_json::array();
  for (const GroupScores& g : report.groups) {
    ordered_json entry = {{"name", g.name}, {"examples", g.decision.examples()}, {"positives", g.decision.positives()}};
    entry.update(decision_at(g.decision, threshold));
    entry["auc"] = {{"value", g.auc}, {"interval", interval_json(g.auc_interval)}};
    entry["brier"] = g.brier;
    entry["mean_probability"] = g.mean_score;
    if (g.own) entry["own"] = decision_at(*g.own, g.own_threshold);
    groups.push_back(std::move(entry));
  }
  ordered_json out = {{"column", report.column}, {"groups", std::move(groups)}, {"gaps", gaps_json(report.gaps)}};
  if (!report.own_gaps.empty()) out["own_gaps"] = gaps_json(report.own_gaps);
  return out;
}

ordered_json decision_json(const DecisionReport& r) {
  ordered_json curve = ordered_json::array(), groups = ordered_json::array();
  for (const NetBenefit& point : r.curve)
    curve.push_back(ordered_json::array({point.threshold, point.model, point.all}));
  for (const GroupReport& group : r.groups) groups.push_back(group_json(group, r.threshold));
  ordered_json out = {
      {"positive", r.positive},        {"examples", r.examples},    {"different", r.units},
      {"positives", r.positives},      {"auc", figure_json(r.auc)}, {"accuracy", figure_json(r.accuracy)},
      {"brier", figure_json(r.brier)}, {"ece", figure_json(r.ece)}, {"at_half", decision_at(r.half, 0.5)}};
  if (r.chosen) {
    out["chosen"] = decision_at(*r.chosen, r.threshold);
    out["chosen"]["goal"] = r.goal->text();
  }
  out["net_benefit"] = std::move(curve);
  out["groups"] = std::move(groups);
  return out;
}

}  // namespace

int64_t display_width(std::string_view text) {
  int64_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const auto [point, length] = code_point(text, at);
    width += columns(point);
    at += length;
  }
  return width;
}

std::string remarks_json(const RunFacts& facts) {
  ordered_json out = ordered_json::array();
  for (const Remark& r : facts.remarks) out.push_back({{"about", r.about}, {"en", r.en}, {"zh", r.zh}});
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string report_json(const RunFacts& facts, const Classification& result, const Deferral* deferral,
                        const DecisionReport* decision) {
  ordered_json classes = ordered_json::array();
  for (const ClassScores& score : result.classes) {
    ordered_json entry = {{"name", score.name}};
    entry.update(scores_json(score));
    entry["support"] = score.support;
    entry["auc"] = score.auc;
    entry["average_precision"] = score.average_precision;
    classes.push_back(std::move(entry));
  }
  ordered_json bins = ordered_json::array();
  for (const ReliabilityBin& bin : result.reliability)
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"count", bin.count},
                    {"confidence", bin.confidence},
                    {"accuracy", bin.accuracy}});

  ordered_json report = {
      {"name", facts.name},
      {"task", facts.task},
      {"data", facts.data},
      {"split", facts.split},
      {"examples", result.examples},
      {"errors", result.errors},
      {"loss", result.loss},
      {"accuracy", result.accuracy},
      {"accuracy_interval", ordered_json::array({result.accuracy_interval.low, result.accuracy_interval.high})},
      {"balanced_accuracy", result.balanced_accuracy},
      {"top5", result.top5},
      {"mcc", result.mcc},
      {"brier", result.brier},
      {"auc", result.macro_auc},
      {"macro", scores_json(result.macro)},
      {"weighted", scores_json(result.weighted)},
      {"classes", classes},
      {"confusion", result.confusion},
      {"calibration", {{"ece", result.ece}, {"bins", bins}}},
      {"seconds", facts.seconds},
      {"train_seconds", facts.train_seconds},
      {"parameters", facts.parameters},
      {"seed", facts.seed},
      {"version", facts.version},
      {"date", facts.date},
      {"command", facts.command},
      {"machine", facts.machine},
  };
  for (const Member& m : facts.members)
    report["members"].push_back({{"name", m.name}, {"accuracy", m.accuracy}, {"loss", m.loss}});
  if (!facts.remarks.empty()) report["remarks"] = ordered_json::parse(remarks_json(facts));
  if (decision) report["decision"] = decision_json(*decision);
  if (deferral) report["people"] = people_json(*deferral);
  return report.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string text_table(const Classification& result) {
  int64_t width = display_width("weighted avg");
  for (const ClassScores& score : result.classes) width = std::max(width, display_width(score.name));

  const auto line = [&](std::string_view name, const Scores& s, int64_t support) {
    return fmt::format("{}  {:>9.4f} {:>9.4f} {:>9.4f} {:>9}\n", right(name, width), s.precision, s.recall, s.f1,
                       support);
  };
  std::string out =
      fmt::format("{}  {:>9} {:>9} {:>9} {:>9}\n\n", right("", width), "precision", "recall", "f1-score", "support");
  for (const ClassScores& score : result.classes) out += line(score.name, score, score.support);
  out += fmt::format("\n{}  {:>9} {:>9} {:>9.4f} {:>9}\n", right("accuracy", width), "", "", result.accuracy,
                     result.examples);
  out += line("macro avg", result.macro, result.examples) + line("weighted avg", result.weighted, result.examples);

  out += fmt::format("\naccuracy {:.2f} % (95 % interval {:.2f} to {:.2f} %), {} errors in {} examples\n",
                     100 * result.accuracy, 100 * result.accuracy_interval.low, 100 * result.accuracy_interval.high,
                     result.errors, result.examples);
  out += fmt::format("loss {:.4f}   ECE {:.4f}   Brier {:.4f}   MCC {:.4f}", result.loss, result.ece, result.brier,
                     result.mcc);
  if (!std::isnan(result.macro_auc))
    out += fmt::format("   ROC AUC (macro, one against rest) {:.4f}", result.macro_auc);
  if (!std::isnan(result.top5)) out += fmt::format("   top-5 {:.2f} %", 100 * result.top5);
  out += '\n';
  if (result.classes.size() <= confusion_limit) out += "\n" + confusion_table(result, width);
  return out;
}

}  // namespace tandem::evaluate
