#include <tandem/deploy/onnx/export.h>
#include <tandem/deploy/onnx/preprocess.h>
#include <tandem/evaluate/page_pictures.h>

#include <nlohmann/json.hpp>

namespace tandem::deploy::onnx {
namespace {

// (n, classes) from the network's outputs, as Classifier::probabilities has them.
Value probabilities(const Scope& s, const std::string& loss, const Value& outputs) {
  if (loss == "cross_entropy") return s.add("Softmax", {outputs}, {{"axis", int64_t{-1}}});
  const Value second = loss == "binary_cross_entropy" ? outputs : s.add("Sigmoid", {outputs});
  return s.add("Concat", {s.add("Sub", {s.number(1.0F), second}), second}, {{"axis", int64_t{1}}});
}

// The mean over views, which stand one behind the other.
Value mean_of_views(const Scope& s, const Value& p, int64_t views, int64_t classes) {
  if (views == 1) return p;
  const Value apart = s.add("Reshape", {p, s.list({views, -1, classes})});
  return s.add("ReduceMean", {apart}, {{"axes", std::vector<int64_t>{0}}, {"keepdims", int64_t{0}}});
}

// softmax(log p / temperature), as Confidence::calibrated() has it.
Value calibrated(const Scope& s, const Value& p, double temperature) {
  const Value log = s.add("Log", {s.add("Max", {p, s.number(1e-38F)})});
  const Value softer = s.add("Div", {log, s.number(static_cast<float>(temperature))});
  return s.add("Softmax", {softer}, {{"axis", int64_t{-1}}});
}

// The class that is answered, as Classifier::answer() has it.
Value answer(const Scope& s, const Value& p, const std::optional<evaluate::Threshold>& threshold) {
  if (!threshold) return s.add("ArgMax", {p}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}});
  const Value second = s.cast(s.add("Gather", {p, s.whole(1)}, {{"axis", int64_t{1}}}), Type::f64);
  const Value least = s.tensor("threshold", Tensor::full({}, threshold->value, DType::f64));
  return s.cast(s.add("GreaterOrEqual", {second, least}), Type::i64);
}

void note_all(Graph& graph, const std::map<std::string, std::string>& notes, const std::string& task) {
  graph.note("task", task);
  for (const auto& [key, value] : notes) graph.note(key == "version" ? "tandem_version" : key, value);
}

// What makes token ids of a text: settings, pieces in the order of their ids, and SentencePiece's own file.
void note_tokenizer(Graph& graph, const data::Tokenizer& tokenizer) {
  data::TokenizerOptions options = tokenizer.options();
  graph.note("tokenizer", Fields::write(options).str());
  nlohmann::json pieces = nlohmann::json::array();
  for (int32_t id = 0; id < tokenizer.size(); ++id) pieces.push_back(tokenizer.piece(id));
  graph.note("vocabulary", pieces.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  for (const auto& [name, bytes] : tokenizer.tensors())
    if (name == "subword") graph.note("sentencepiece", evaluate::base64(bytes.data<const uint8_t>()));
}

}  // namespace

Graph graph_of(const tasks::Classifier& model) {
  Graph graph;
  const auto classes = static_cast<int64_t>(model.classes.size());
  const int64_t views = model.views.count();
  const Flow x = write_input(graph, model.input, model.views);
  const Scope s(graph);
  const Flow out = channels_last(s, write_network(s, model.net, x));
  const Scope head = s.within("output.");
  Value p = mean_of_views(head, probabilities(head, model.loss, out.value), views, classes);
  if (model.confidence) p = calibrated(head, p, model.confidence->temperature());
  graph.output("probabilities", Type::f32, {"batch", classes}, p);
  graph.output("label", Type::i64, {"batch"}, answer(head, p, model.threshold));
  if (views == 1 && model.loss != "binary_cross_entropy")
    graph.output("logits", Type::f32, {"batch", model.loss == "cross_entropy" ? classes : 1}, out.value);

  note_all(graph, model.notes, tasks::task_of(model.input));
  graph.note("classes", nlohmann::json(model.classes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (model.confidence) graph.note("temperature", fmt::format("{}", model.confidence->temperature()));
  if (model.threshold) graph.note("threshold", fmt::format("{}", model.threshold->value));
  if (const auto* text = std::get_if<tasks::TextInput>(&model.input)) {
    note_tokenizer(graph, text->tokenizer);
    graph.note("longest", std::to_string(text->length.most));
  }
  return graph;
}

Graph graph_of(const tasks::LanguageModel& model) {
  Graph graph;
  const Scope s(graph);
  const Flow out = write_network(s, model.net, write_tokens(graph));
  graph.output("logits", Type::f32, {"batch", "time", model.vocabulary()}, out.value);
  note_all(graph, model.notes, "language_model");
  note_tokenizer(graph, model.tokenizer);
  graph.note("longest", model.reading.carry ? "0" : std::to_string(model.reading.context));
  return graph;
}

}  // namespace tandem::deploy::onnx
