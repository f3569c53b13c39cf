#include <fmt/format.h>
#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/evaluate/curves.h>
#include <tandem/evaluate/page.h>
#include <tandem/evaluate/page_data.h>
#include <tandem/evaluate/page_document.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/evaluate/page_script.h>
#include <tandem/evaluate/page_template.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::evaluate {
namespace {

using nlohmann::ordered_json;

constexpr int64_t worst_mistakes = 24;
constexpr int64_t examples_limit = 1500;
constexpr size_t sheet_bytes = 1'050'000;  // as base64 1.4 MB: leaves room for the rest below 2 MB
constexpr size_t text_bytes = 240;         // shown of an example's text
constexpr size_t curve_points = 12'000;    // of all classes together

using Point = std::pair<double, double>;

/// Ramer-Douglas-Peucker: the fewest of `points` from which none lies further than `tolerance`.
std::vector<Point> thinned(const std::vector<Point>& points, double tolerance) {
  std::vector<bool> kept(points.size(), false);
  kept.front() = kept.back() = true;
  std::vector<std::pair<size_t, size_t>> pieces{{0, points.size() - 1}};
  while (!pieces.empty()) {
    const auto [first, last] = pieces.back();
    pieces.pop_back();
    const Point from = points[first], to = points[last];
    const double dx = to.first - from.first, dy = to.second - from.second, length = std::hypot(dx, dy);
    double furthest = tolerance;
    size_t at = 0;
    for (size_t i = first + 1; i < last; ++i) {
      const double x = points[i].first - from.first, y = points[i].second - from.second;
      const double off = length > 0 ? std::abs(dx * y - dy * x) / length : std::hypot(x, y);
      if (off > furthest) {
        furthest = off;
        at = i;
      }
    }
    if (at == 0) continue;
    kept[at] = true;
    pieces.emplace_back(first, at);
    pieces.emplace_back(at, last);
  }
  std::vector<Point> out;
  for (size_t i = 0; i < points.size(); ++i)
    if (kept[i]) out.push_back(points[i]);
  return out;
}

/// x0, y0, x1, y1, … with at most about `limit` points.
ordered_json curve_json(const std::vector<Point>& points, size_t limit) {
  double tolerance = 2e-4;
  auto few = thinned(points, tolerance);
  while (few.size() > limit && tolerance < 0.05) few = thinned(few, tolerance *= 2);
  ordered_json out = ordered_json::array();
  for (const auto& [x, y] : few) {
    out.push_back(rounded(x));
    out.push_back(rounded(y));
  }
  return out;
}

/// For each class {roc, pr}, or null where it has no examples or nothing else.
ordered_json curves_json(const Predictions& p, const Classification& result) {
  const size_t classes = p.classes.size();
  const size_t limit = std::clamp<size_t>(curve_points / classes / 2, 24, 240);
  ordered_json out = ordered_json::array();
  std::vector<int32_t> labels(p.labels.size());
  std::vector<float> scores(p.labels.size());
  for (size_t c = 0; c < classes; ++c) {
    if (result.classes[c].support == 0 || result.classes[c].support == result.examples) {
      out.push_back(nullptr);
      continue;
    }
    for (size_t i = 0; i < labels.size(); ++i) {
      labels[i] = p.labels[i] == static_cast<int32_t>(c);
      scores[i] = p.probabilities[i * classes + c];
    }
    std::vector<Point> roc_points, pr_points;
    for (const RocPoint& point : roc(labels, scores)) roc_points.emplace_back(point.fpr, point.tpr);
    auto pr = precision_recall(labels, scores);
    std::ranges::reverse(pr);
    for (const auto& point : pr) pr_points.emplace_back(point.recall, point.precision);
    out.push_back({{"roc", curve_json(roc_points, limit)}, {"pr", curve_json(pr_points, limit)}});
  }
  return out;
}

ordered_json result_json(const Classification& r) {
  ordered_json classes = ordered_json::array(), cells = ordered_json::array(), bins = ordered_json::array();
  for (const ClassScores& s : r.classes)
    classes.push_back({{"name", s.name},
                       {"precision", rounded(s.precision)},
                       {"recall", rounded(s.recall)},
                       {"f1", rounded(s.f1)},
                       {"support", s.support},
                       {"auc", rounded(s.auc, 1e6)},
                       {"ap", rounded(s.average_precision, 1e6)}});
  for (size_t t = 0; t < r.confusion.size(); ++t)
    for (size_t g = 0; g < r.confusion[t].size(); ++g)
      if (r.confusion[t][g] > 0) cells.push_back(ordered_json::array({t, g, r.confusion[t][g]}));
  for (const ReliabilityBin& b : r.reliability)
    bins.push_back(
        ordered_json::array({rounded(b.low), rounded(b.high), b.count, rounded(b.confidence), rounded(b.accuracy)}));
  const auto scores = [](const Scores& s) {
    return ordered_json{{"precision", rounded(s.precision)}, {"recall", rounded(s.recall)}, {"f1", rounded(s.f1)}};
  };
  return {{"examples", r.examples},
          {"errors", r.errors},
          {"loss", rounded(r.loss)},
          {"accuracy", rounded(r.accuracy, 1e7)},
          {"interval", ordered_json::array({rounded(r.accuracy_interval.low), rounded(r.accuracy_interval.high)})},
          {"macro", scores(r.macro)},
          {"weighted", scores(r.weighted)},
          {"balanced_accuracy", rounded(r.balanced_accuracy)},
          {"mcc", rounded(r.mcc)},
          {"brier", rounded(r.brier)},
          {"ece", rounded(r.ece)},
          {"auc", rounded(r.macro_auc, 1e6)},
          {"top5", rounded(r.top5)},
          {"classes", std::move(classes)},
          {"cells", std::move(cells)},
          {"bins", std::move(bins)}};
}

ordered_json people_data(const Deferral& d) {
  ordered_json sets = ordered_json::array(), curve = ordered_json::array();
  for (const SetScores& s : d.sets)
    sets.push_back(ordered_json::array({s.promised, rounded(s.covered), rounded(s.mean_size), s.single, s.empty}));
  for (const SharePoint& point : d.curve)
    curve.push_back(ordered_json::array({rounded(point.share), rounded(point.accuracy, 1e6)}));
  return {{"right", d.goal.right},
          {"share_goal", d.goal.share},
          {"reached", d.reached},
          {"temperature", rounded(d.temperature)},
          {"ece_before", rounded(d.ece_before)},
          {"examples", d.examples},
          {"answered", d.answered},
          {"errors", d.errors},
          {"unsure", d.unsure},
          {"unfamiliar", d.unfamiliar},
          {"caught", d.caught},
          {"share", rounded(d.share)},
          {"accuracy", rounded(d.accuracy, 1e7)},
          {"interval", ordered_json::array({rounded(d.interval.low), rounded(d.interval.high)})},
          {"network", rounded(d.network, 1e7)},
          {"person_error", 1 - d.person},
          {"sets", std::move(sets)},
          {"curve", std::move(curve)}};
}

ordered_json triple(double value, const Interval& i) {
  return ordered_json::array({rounded(value), rounded(i.low), rounded(i.high)});
}

ordered_json decision_at(const Decision& d) {
  const auto share = [](const Share& s) { return triple(s.value, s.interval); };
  return {{"sensitivity", share(d.sensitivity())},
          {"specificity", share(d.specificity())},
          {"ppv", share(d.ppv())},
          {"npv", share(d.npv())}};
}

ordered_json decision_data(const DecisionReport& r) {
  ordered_json curve = ordered_json::array(), groups = ordered_json::array();
  for (const NetBenefit& p : r.curve)
    curve.push_back(ordered_json::array({p.threshold, rounded(p.model), rounded(p.all)}));
  for (const GroupReport& report : r.groups) {
    ordered_json rows = ordered_json::array();
    for (const GroupScores& g : report.groups) {
      ordered_json row = decision_at(g.decision);
      row.update({{"name", g.name},
                  {"examples", g.decision.examples()},
                  {"positives", g.decision.positives()},
                  {"auc", triple(g.auc, g.auc_interval)}});
      if (g.own) {
        row["own"] = decision_at(*g.own);
        row["own_threshold"] = rounded(g.own_threshold);
      }
      rows.push_back(std::move(row));
    }
    const auto gaps = [](const std::vector<Gap>& all) {
      ordered_json out = ordered_json::array();
      for (const Gap& gap : all)
        out.push_back(ordered_json::array({gap.rate, rounded(gap.gap), rounded(gap.interval.low),
                                           rounded(gap.interval.high), gap.highest, gap.lowest}));
      return out;
    };
    groups.push_back({{"column", report.column},
                      {"groups", std::move(rows)},
                      {"gaps", gaps(report.gaps)},
                      {"own_gaps", gaps(report.own_gaps)}});
  }
  const auto figure = [](const Figure& f) { return triple(f.value, f.interval); };
  ordered_json out = {{"positive", r.positive},
                      {"examples", r.examples},
                      {"units", r.units},
                      {"positives", r.positives},
                      {"auc", figure(r.auc)},
                      {"accuracy", figure(r.accuracy)},
                      {"brier", figure(r.brier)},
                      {"ece", figure(r.ece)},
                      {"half", decision_at(r.half)},
                      {"threshold", rounded(r.threshold)},
                      {"curve", std::move(curve)},
                      {"groups", std::move(groups)}};
  if (r.chosen) out["chosen"] = decision_at(*r.chosen), out["goal"] = r.goal->text();
  return out;
}

int64_t kept_epoch(const PageInput& in) {
  if (in.kept_epoch > 0) return in.kept_epoch;
  int64_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const EpochPoint& point : in.history) {
    if (!(point.validation_loss < least)) continue;
    least = point.validation_loss;
    best = point.epoch;
  }
  return best;
}

std::vector<NextStep> default_steps(const std::string& folder) {
  const std::string run = folder.empty() ? "RUN" : folder;
  return {
      {"tandem evaluate " + run + " --json", "Measure again, for a program to read", "重新评估，输出供程序读取"},
      {"tandem predict " + run + " picture.png", "Ask the network about new data", "用新数据向网络提问"},
      {"tandem explain " + run + " picture.png", "See what a decision rests on", "查看一次判断的依据"},
      {"tandem evaluate " + run + " --on pictures", "Measure on pictures of your own, one folder a class",
       "用自己的图片评估，每个类别一个文件夹"},
      {"tandem serve " + run, "Draw for it in the browser, and let programs ask it", "在浏览器中试用，并供程序调用"},
      {"tandem label " + run + " pictures", "Be asked first about the pictures that teach it most",
       "优先标注对它最有用的图片"},
      {"tandem correct " + run + " picture.png LABEL && tandem learn " + run,
       "Say what a picture really shows, and let it learn that", "说明图片的真实类别，并让网络学会"},
      {"tandem inspect " + run, "See layers, shapes and cost", "查看各层、形状与计算量"}};
}

/// The first bytes of a text, cut between characters.
std::string excerpt(const std::string& text) {
  if (text.size() <= text_bytes) return text;
  size_t end = text_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

void check(const PageInput& in) {
  constexpr std::string_view where = "report_page";
  const int64_t n = in.predictions.size();
  if (in.result.examples != n) fail(where, "the result has {} examples, the predictions {}", in.result.examples, n);
  if (in.result.classes.size() != in.predictions.classes.size())
    fail(where, "the result has {} classes, the predictions {}", in.result.classes.size(),
         in.predictions.classes.size());
  if (in.images && (!in.images->pixels().defined() || in.images->pixels().size(0) != n))
    fail(where, "{} predictions but {} images: give them in the same order", n,
         in.images->pixels().defined() ? in.images->pixels().size(0) : 0);
  if (in.texts && static_cast<int64_t>(in.texts->size()) != n)
    fail(where, "{} predictions but {} texts: give them in the same order", n, in.texts->size());
}

/// Figures for a reader whose browser runs no scripts.
std::string plain_summary(const PageInput& in) {
  const Classification& r = in.result;
  return fmt::format(
      "<h1>{}</h1><p>{} · {} · {}</p><ul><li>Accuracy {:.2f} % (95 % interval {:.2f} – {:.2f} %)</li>"
      "<li>Macro F1 {:.4f}</li><li>ECE {:.4f}</li><li>{} errors of {}</li></ul>",
      escaped_html(in.facts.name), escaped_html(in.facts.task), escaped_html(in.facts.data),
      escaped_html(in.facts.split), 100 * r.accuracy, 100 * r.accuracy_interval.low, 100 * r.accuracy_interval.high,
      r.macro.f1, r.ece, grouped(r.errors), grouped(r.examples));
}

}  // namespace

std::string report_page(const PageInput& in) {
  check(in);
  const auto shown = choose_examples(in.predictions, worst_mistakes, examples_limit);
  const PictureSheet sheet = in.images ? picture_sheet(*in.images, shown, sheet_bytes) : PictureSheet{};

  ordered_json data = run_data(in.facts, in.history, kept_epoch(in), in.recipe, in.network,
                               in.next.empty() ? default_steps(in.facts.folder) : in.next);
  data["result"] = result_json(in.result);
  data["curves"] = curves_json(in.predictions, in.result);
  data["sheet"] = {
      {"w", sheet.tile_width}, {"h", sheet.tile_height}, {"columns", sheet.columns}, {"count", sheet.count}};
  ordered_json& examples = data["examples"] = ordered_json::array();
  for (const ShownExample& e : shown) {
    ordered_json entry =
        ordered_json::array({e.example, e.truth, e.guess, rounded(e.guess_probability), rounded(e.truth_probability)});
    if (in.texts) entry.push_back(excerpt((*in.texts)[static_cast<size_t>(e.example)]));
    examples.push_back(std::move(entry));
  }
  if (in.decision) data["decision"] = decision_data(*in.decision);
  if (in.deferral) data["people"] = people_data(*in.deferral);

  std::string style = fmt::format("{}{}", page_style_sections, page_people_style);
  if (sheet.count > 0) style += ".tile{background-image:url(data:image/png;base64," + base64(sheet.png) + ")}";
  return page_document({.title = in.facts.name,
                        .style = style,
                        .plain = plain_summary(in),
                        .data = dumped(data, -1),
                        .script = page_script});
}

}  // namespace tandem::evaluate
