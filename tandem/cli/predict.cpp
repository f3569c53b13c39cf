#include <tandem/base/text.h>
#include <tandem/cli/pictures.h>
#include <tandem/cli/rows.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/formats/csv_field.h>
#include <tandem/evaluate/report.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, format = "table";
  std::vector<std::string> inputs;
  bool invert = false;
};

using data::csv_field;

/// A class name for each member, "4 9"; "-" for an empty set.
std::string set_text(const evaluate::Verdict& v, const std::vector<std::string>& classes, std::string_view separator) {
  std::vector<std::string> names;
  for (const int32_t c : v.set) names.push_back(classes[static_cast<size_t>(c)]);
  return names.empty() ? "-" : join(names, separator);
}

/// One picture and what the network says of it; `verdict` is none for a model without confidence.
struct Answer {
  const std::string& name;
  std::span<const float> row;
  std::vector<size_t> order;  // classes, the most probable first
  const evaluate::Verdict* verdict;
};

nlohmann::ordered_json json_of(const Answer& a, const std::vector<std::string>& classes) {
  nlohmann::ordered_json all;
  for (size_t c = 0; c < classes.size(); ++c) all[classes[c]] = a.row[c];
  nlohmann::ordered_json out{
      {"input", a.name}, {"label", classes[a.order[0]]}, {"probability", a.row[a.order[0]]}, {"probabilities", all}};
  if (!a.verdict) return out;
  nlohmann::ordered_json set = nlohmann::ordered_json::array();
  for (const int32_t c : a.verdict->set) set.push_back(classes[static_cast<size_t>(c)]);
  out["set"] = set;
  out["defer"] = a.verdict->deferred();
  out["why"] = evaluate::reason_of(a.verdict->why);
  out["strangeness"] = a.verdict->strangeness;
  return out;
}

std::string csv_of(const Answer& a, const std::vector<std::string>& classes) {
  std::string out = fmt::format("{},{},{:.6f}", csv_field(a.name), csv_field(classes[a.order[0]]), a.row[a.order[0]]);
  if (a.verdict)
    out += fmt::format(",{},{},{},{:.4f}", csv_field(set_text(*a.verdict, classes, " ")),
                       a.verdict->deferred() ? "true" : "false", evaluate::reason_of(a.verdict->why),
                       a.verdict->strangeness);
  for (const float p : a.row) out += fmt::format(",{:.6f}", p);
  return out + "\n";
}

std::string line_of(const Answer& a, const std::vector<std::string>& classes, int64_t wide, int64_t label) {
  std::string next;
  for (size_t c = 1; c < std::min<size_t>(3, classes.size()); ++c)
    next += fmt::format("{}{} {:.1f} %", c > 1 ? ", " : "", classes[a.order[c]], 100 * a.row[a.order[c]]);
  std::string said;
  if (a.verdict) {
    said = fmt::format("   set {{{}}}", a.verdict->set.empty() ? "" : set_text(*a.verdict, classes, ", "));
    if (a.verdict->why == evaluate::Why::unsure) said += "   ask a person: unsure";
    if (a.verdict->why == evaluate::Why::unfamiliar)
      said += fmt::format("   ask a person: unlike the training data ({:.2f} times the limit)", a.verdict->strangeness);
  }
  return fmt::format("{}  {}  {:5.1f} %   then {}{}\n", padded(a.name, wide), padded(classes[a.order[0]], label),
                     100 * a.row[a.order[0]], next, said);
}

int run(const Options& o) {
  tasks::Classifier model = tasks::Classifier::load(train::model_path(o.model));
  std::vector<std::string> names;
  data::Dataset set;
  const auto* text = std::get_if<tasks::TextInput>(&model.input);
  if (o.invert && !std::holds_alternative<tasks::ImageInput>(model.input))
    fail("--invert", "is for pictures, this network does {}", tasks::task_of(model.input));
  if (text) {
    set = read_texts(model, o.inputs);
    for (const std::string& each : set.texts()) {
      names.push_back(o.format == "table" ? shortened(each, 60) : each);
      if (tasks::unknown_share(*text, each) == 1)
        say(fmt::format("'{}': the texts of the training have none of these words, so the answer means nothing",
                        shortened(each, 40)));
    }
  } else if (std::holds_alternative<tasks::TableInput>(model.input)) {
    Rows rows = read_rows(model, o.inputs);
    names = std::move(rows.names), set = std::move(rows.set);
  } else {
    Pictures pictures = read_pictures(model, o.inputs, o.invert);
    names = std::move(pictures.names), set = std::move(pictures.set);
  }
  const evaluate::Outputs outputs = model.outputs(set);
  const Tensor p = model.confidence ? model.confidence->calibrated(outputs.probabilities) : outputs.probabilities;
  const std::vector<evaluate::Verdict> verdicts =
      model.confidence ? model.confidence->judge(outputs) : std::vector<evaluate::Verdict>{};
  const size_t classes = model.classes.size();

  int64_t wide = 5, label = 0;
  for (const auto& name : names) wide = std::max(wide, evaluate::display_width(name));
  for (const auto& name : model.classes) label = std::max(label, evaluate::display_width(name));
  if (o.format == "csv") {
    fmt::print("input,label,probability{}", model.confidence ? ",set,defer,why,strangeness" : "");
    for (const auto& name : model.classes) fmt::print(",{}", csv_field("p:" + name));
    fmt::print("\n");
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    Answer answer{names[i], p.data<const float>().subspan(i * classes, classes), std::vector<size_t>(classes),
                  model.confidence ? &verdicts[i] : nullptr};
    for (size_t c = 0; c < classes; ++c) answer.order[c] = c;
    std::ranges::stable_sort(answer.order, [&](size_t a, size_t b) { return answer.row[a] > answer.row[b]; });
    // The answer comes first, also when a threshold gives it against the higher probability.
    const auto answered = std::ranges::find(answer.order, static_cast<size_t>(model.answer(answer.row)));
    std::rotate(answer.order.begin(), answered, answered + 1);
    if (o.format == "json")
      list.push_back(json_of(answer, model.classes));
    else
      fmt::print("{}", o.format == "csv" ? csv_of(answer, model.classes) : line_of(answer, model.classes, wide, label));
  }
  if (o.format == "json") fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

}  // namespace

void add_predict(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("predict", "Say what pictures show, or which class texts and rows of tables are of");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option("inputs", o->inputs,
                   "Pictures (PNG, JPEG) or folders of them; texts, files of them (CSV, JSONL, a line each); CSV files "
                   "for a network of tables; - for standard input")
      ->required();
  verb->add_option("--format", o->format, "How to print")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  verb->add_flag_callback(
      "--json", [o] { o->format = "json"; }, "The same as --format json");
  verb->add_flag("--invert", o->invert,
                 "Swap dark and light: for dark ink on white paper with a network of light ink on black");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
