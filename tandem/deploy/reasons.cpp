#include <tandem/data/formats/image.h>
#include <tandem/deploy/reasons.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/nn/attention.h>
#include <tandem/nn/transformer.h>
#include <tandem/people/explain_table.h>
#include <tandem/people/explain_text.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

bool attends(const nn::Sequential& net) {
  return std::ranges::any_of(net.layers(), [](const auto& layer) {
    if (const auto* around = dynamic_cast<const nn::Residual*>(layer.get())) return attends(around->body);
    return dynamic_cast<const nn::Attention*>(layer.get()) || dynamic_cast<const nn::Transformer*>(layer.get());
  });
}

int64_t target_of(const ServedModel& model, const Request& request) {
  const std::string text = request.parameter("class");
  if (text.empty()) return -1;
  int64_t out = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || end != text.data() + text.size() || out < 0 || out >= model.classes())
    throw Refused(400, fmt::format("class must be a number from 0 to {}", model.classes() - 1));
  return out;
}

// The head of every explanation.
json begin(const ServedModel& model, const std::string& method, int32_t target) {
  return {{"model_name", model.name()},
          {"model_version", model.version()},
          {"parameters", {{"digest", model.digest()}}},
          {"method", method},
          {"class", target},
          {"label", model.model().classes[static_cast<size_t>(target)]}};
}

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json of_picture(const ServedModel& model, const data::Dataset& one, const std::string& method, int64_t target) {
  const Tensor picture = one.pixels().view(model.model().image().shape());
  const people::Explanation why = people::explain(model.model(), picture, {.method = method, .target = target});
  const auto map = why.map.data<const float>();
  json out = begin(model, why.method, why.target);
  out["output"] = why.output;
  out["black_output"] = why.black_output;
  out["map"] = {{"shape", {why.map.size(0), why.map.size(1)}}, {"data", std::vector(map.begin(), map.end())}};
  out["overlay_png"] = evaluate::base64(data::encode_png(people::overlay(picture, why.map)));
  return out;
}

json of_text(const ServedModel& model, const data::Dataset& one, const std::string& method, int64_t target) {
  const auto why = people::explain_text(model.model(), one.texts()[0], {.method = method, .target = target});
  json out = begin(model, why.method, why.target);
  out["parts"] = json::array();
  for (const auto& part : why.parts)
    out["parts"].push_back({{"text", part.text}, {"begin", part.begin}, {"end", part.end}, {"adds", part.adds}});
  out["output"] = why.output;
  out["baseline_output"] = why.baseline_output;
  out["gap"] = number(why.gap);
  return out;
}

// A value as explain_table.h writes it: null where it is missing.
json value_of(const data::Column& column, const std::string& text) {
  if (text == "missing" && std::ranges::find(column.words, text) == column.words.end()) return nullptr;
  return text;
}

json of_row(const ServedModel& served, const data::Dataset& one, const data::Table& training, int64_t target) {
  const tasks::Classifier& model = served.model();
  const data::Table& row = one.table();
  const auto why = people::explain_row(model, row, 0, training, {.target = target});
  json out = begin(served, "shapley", why.target);
  const auto value = [&](const std::string& column, const std::string& text) {
    return value_of(training.columns[static_cast<size_t>(training.column(column))], text);
  };
  out["probability"] = why.probability;
  out["usual"] = why.usual;
  out["exact"] = why.exact;
  out["parts"] = json::array();
  for (const auto& part : why.parts)
    out["parts"].push_back({{"column", part.column}, {"value", value(part.column, part.value)}, {"adds", part.adds}});
  auto other = people::counterfactual(model, row, 0, training, {.target = target});
  if (other.found && other.changes.empty()) other = people::counterfactual(model, row, 0, training);
  json changes = json::array();
  for (const auto& change : other.changes)
    changes.push_back({{"column", change.column},
                       {"from", value(change.column, change.from)},
                       {"to", value(change.column, change.to)}});
  out["counterfactual"] = {{"found", other.found},
                           {"label", model.classes[static_cast<size_t>(other.target)]},
                           {"probability", other.probability},
                           {"changes", changes}};
  return out;
}

}  // namespace

std::vector<std::string> methods_of(const ServedModel& served) {
  const tasks::Classifier& model = served.model();
  if (std::holds_alternative<tasks::TableInput>(model.input)) return {"shapley"};
  const bool text = std::holds_alternative<tasks::TextInput>(model.input);
  std::vector<std::string> out = text ? people::text_methods() : people::explain_methods();
  if (text && !attends(model.net)) std::erase(out, "attention");
  const bool maps = std::ranges::any_of(model.net.shapes(), [](const Shape& shape) { return shape.rank() == 3; });
  if (!text && !maps) std::erase(out, "grad_cam");
  const auto usual = std::ranges::find(out, "integrated_gradients");
  std::rotate(out.begin(), usual, usual + 1);
  return out;
}

std::string explanation(const ServedModel& model, const Examples& examples, const Request& request,
                        const data::Dataset* training) {
  if (examples.count != 1)
    throw Refused(400, fmt::format("{} examples were given, one is explained at a time", examples.count));
  const std::vector<std::string> known = methods_of(model);
  std::string method = request.parameter("method");
  if (method.empty()) method = known[0];
  if (std::ranges::find(known, method) == known.end())
    throw Refused(400,
                  fmt::format("there is no method '{}' for this model; methods: {}", method, fmt::join(known, ", ")));
  const int64_t target = target_of(model, request);
  const data::Dataset one = set_of(model, examples);
  json out;
  try {
    if (one.has_pictures()) {
      out = of_picture(model, one, method, target);
    } else if (one.has_texts()) {
      out = of_text(model, one, method, target);
    } else {
      if (!training)
        throw Refused(409, "a row is explained beside rows of the training: serve the run folder, not the file alone");
      out = of_row(model, one, training->table(), target);
    }
  } catch (const Error& e) {  // a method that this network has no use for
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(400, e.what());
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tandem::deploy
