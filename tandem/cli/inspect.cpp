#include <tandem/base/text.h>
#include <tandem/cli/verbs.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/quantise.h>
#include <tandem/tasks/speed.h>
#include <tandem/tensor/safetensors_header.h>
#include <tandem/train/language_model.h>
#include <tandem/train/run.h>
#include <tandem/train/translation.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string model;
  bool json = false, verify = false;
};

std::string amount(double bytes) {
  for (const char* unit : {"B", "kB", "MB"}) {
    if (bytes < 1000) return fmt::format("{:.3g} {}", bytes, unit);
    bytes /= 1000;
  }
  return fmt::format("{:.3g} GB", bytes);
}

/// The shape of a picture or of a table's row; of texts, what they are cut into.
nlohmann::ordered_json input_of(const tasks::Classifier& model) {
  if (const auto* text = std::get_if<tasks::TextInput>(&model.input))
    return {{"tokenizer", text->options.type}, {"vocabulary", text->tokenizer.size()}, {"most", text->length.most}};
  const Shape shape = tasks::shape_of(model.input);
  return std::vector<int64_t>(shape.begin(), shape.end());
}
std::string input_text(const tasks::Classifier& model) {
  if (const auto* text = std::get_if<tasks::TextInput>(&model.input))
    return fmt::format("text: {} kinds of {} tokens", grouped(text->tokenizer.size()), text->options.type);
  const Shape shape = tasks::shape_of(model.input);
  return fmt::format("{}", fmt::join(shape.begin(), shape.end(), " x "));
}

// Any safetensors file: a model, a checkpoint, an adapter. Reading verifies; a damaged one is the error of all readers.
int verify(const fs::path& path) {
  const TensorFile file = read_safetensors(path);
  if (!safetensors::has_checksums(path))
    fail(ErrorKind::data, path.string(),
         "has no checksums, so nothing can be verified: another program wrote it, or a tandem that wrote none yet");
  fmt::print("{}: {} tensors and the header are as they were written\n", path.string(), file.tensors.size());
  return 0;
}

const char* checksums_of(const fs::path& path) { return safetensors::has_checksums(path) ? "verified" : "none"; }

/// What a model takes: room, and time on this machine.
struct Cost {
  int64_t file = 0, numbers = 0;   // bytes of the file; numbers in it
  int64_t int8 = 0;                // of those
  int64_t weights = 0, zeros = 0;  // numbers of tensors with two axes or more
  tasks::Speed speed = {};
  const char* unit = "";  // of the speed
};

template <class Model>
Cost cost_of(Model& model, const fs::path& path, const char* unit) {
  Cost out;
  out.file = static_cast<int64_t>(fs::file_size(path)), out.int8 = tasks::int8_numbers(model.net), out.unit = unit;
  model.net.visit("", [&](const std::string&, Tensor& t, bool) {
    out.numbers += t.numel();
    if (t.rank() < 2) return;
    out.weights += t.numel();
    out.zeros += t.dtype() == DType::i8 ? std::ranges::count(t.data<const int8_t>(), 0)
                                        : std::ranges::count(t.data<const float>(), 0.0F);
  });
  out.speed = tasks::speed_of(model);
  return out;
}

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

nlohmann::ordered_json json_of(const Cost& c) {
  return {{"file_bytes", c.file},
          {"float32_bytes", 4 * c.numbers},
          {"int8_numbers", c.int8},
          {"zeros", share(c.zeros, c.weights)},
          {"speed",
           {{"unit", c.unit},
            {"machine", train::machine()},
            {"batch", c.speed.batch},
            {"batched", c.speed.batched},
            {"one_by_one", c.speed.one_by_one}}}};
}

void print(const Cost& c) {
  fmt::print("  file: {}, {:.0f} % of what its numbers take in float32\n", amount(static_cast<double>(c.file)),
             100 * share(c.file, 4 * c.numbers));
  if (c.int8 > 0) fmt::print("  int8: {} of {} numbers\n", grouped(c.int8), grouped(c.numbers));
  if (c.zeros > 0) fmt::print("  zeros: {:.1f} % of the weights\n", 100 * share(c.zeros, c.weights));
  fmt::print("  speed: {} {} a second, {} together; {} one at a time ({})\n", grouped(std::llround(c.speed.batched)),
             c.unit, c.speed.batch, grouped(std::llround(c.speed.one_by_one)), train::machine());
}

nlohmann::ordered_json json_of(const std::vector<evaluate::LayerRow>& rows) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const auto& row : rows)
    out.push_back({{"name", row.name}, {"kind", row.kind}, {"output", row.output}, {"parameters", row.parameters}});
  return out;
}

void print(const fs::path& path, const std::vector<evaluate::LayerRow>& rows) {
  size_t name = 3, wide = 10, deep = 6;
  for (const auto& row : rows)
    name = std::max(name, row.name.size()), wide = std::max(wide, row.kind.size()),
    deep = std::max(deep, row.output.size());
  fmt::print("{}\n\n  {:>{}}  {:<{}}  {:<{}}  {:>12}\n", path.string(), "#", name, "layer", wide, "output", deep,
             "parameters");
  for (const auto& row : rows)
    fmt::print("  {:>{}}  {:<{}}  {:<{}}  {:>12}\n", row.name, name, row.kind, wide, row.output, deep,
               row.parameters ? grouped(row.parameters) : "");
}

void print_notes(const fs::path& path, const std::map<std::string, std::string>& notes) {
  fmt::print("  checksums: {}\n", checksums_of(path));
  for (const auto& [key, value] : notes)
    if (value.find('\n') == std::string::npos) fmt::print("  {}: {}\n", key, value);
}

int run_language(const Options& o, const fs::path& path) {
  tasks::LanguageModel model = tasks::LanguageModel::load(path);
  const auto rows = train::layer_rows(model.net);
  const nn::Count count = nn::count(model.net);
  const int64_t products = model.net.multiply_adds({});
  const Cost cost = cost_of(model, path, "tokens");
  if (o.json) {
    const nlohmann::ordered_json all{{"model", path.string()},
                                     {"checksums", checksums_of(path)},
                                     {"vocabulary", model.vocabulary()},
                                     {"context", model.reading.context},
                                     {"carry", model.reading.carry},
                                     {"parameters", count.trained},
                                     {"numbers", count.all},
                                     {"multiply_adds", products},
                                     {"cost", json_of(cost)},
                                     {"layers", json_of(rows)},
                                     {"notes", model.notes}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  print(path, rows);
  fmt::print("\n  {} parameters ({}), {} multiply-adds per token\n", grouped(count.trained),
             amount(static_cast<double>(count.all) * 4), grouped(products));
  fmt::print("  {} tokens known, {} at a time{}\n", grouped(model.vocabulary()), grouped(model.reading.context),
             model.reading.carry ? ", remembering those before" : "");
  print(cost);
  print_notes(path, model.notes);
  return 0;
}

int run_translation(const Options& o, const fs::path& path) {
  tasks::TranslationModel model = tasks::TranslationModel::load(path);
  const auto rows = train::layer_rows(model.net);
  const nn::Count count = nn::count(model.net);
  const tasks::TranslationReading& reading = model.reading;
  if (o.json) {
    const nlohmann::ordered_json all{{"model", path.string()},
                                     {"checksums", checksums_of(path)},
                                     {"from", reading.from},
                                     {"to", reading.to},
                                     {"shared", reading.shared},
                                     {"source_vocabulary", model.source.tokens()},
                                     {"target_vocabulary", model.target.tokens()},
                                     {"parameters", count.trained},
                                     {"numbers", count.all},
                                     {"layers", json_of(rows)},
                                     {"notes", model.notes}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  print(path, rows);
  fmt::print("\n  {} parameters ({})\n", grouped(count.trained), amount(static_cast<double>(count.all) * 4));
  fmt::print("  {} to {}: {} and {} tokens known{}\n", reading.from, reading.to, grouped(model.source.tokens()),
             grouped(model.target.tokens()), reading.shared ? ", the same" : "");
  print_notes(path, model.notes);
  return 0;
}

int run(const Options& o) {
  const fs::path path = train::model_path(o.model);
  if (o.verify) return verify(path);
  if (train::task_in(path) == "language_model") return run_language(o, path);
  if (train::task_in(path) == "translation") return run_translation(o, path);
  tasks::Classifier model = tasks::Classifier::load(path);
  const auto rows = train::layer_rows(model.net);
  const nn::Count count = nn::count(model.net);
  const int64_t products = model.net.multiply_adds(tasks::shape_of(model.input));
  std::vector<int64_t> per_layer;
  for (size_t i = 0; i < rows.size(); ++i)
    per_layer.push_back(
        model.net.layers()[i]->multiply_adds(i == 0 ? tasks::shape_of(model.input) : model.net.shapes()[i - 1]));
  const Cost cost = cost_of(model, path, "examples");
  int64_t activations = tasks::shape_of(model.input).numel();
  for (const Shape& shape : model.net.shapes()) activations += shape.numel();

  if (o.json) {
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (size_t i = 0; i < rows.size(); ++i)
      layers.push_back({{"name", rows[i].name},
                        {"kind", rows[i].kind},
                        {"output", std::vector<int64_t>(model.net.shapes()[i].begin(), model.net.shapes()[i].end())},
                        {"parameters", rows[i].parameters},
                        {"multiply_adds", per_layer[i]}});
    const nlohmann::ordered_json all{{"model", path.string()},
                                     {"checksums", checksums_of(path)},
                                     {"classes", model.classes},
                                     {"input", input_of(model)},
                                     {"loss", model.loss},
                                     {"parameters", count.trained},
                                     {"numbers", count.all},
                                     {"multiply_adds", products},
                                     {"activation_bytes", activations * 4},
                                     {"cost", json_of(cost)},
                                     {"layers", layers},
                                     {"notes", model.notes}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  fmt::print("{}\n\n", path.string());
  size_t wide = 10, deep = 6;
  for (const auto& row : rows) wide = std::max(wide, row.kind.size()), deep = std::max(deep, row.output.size());
  fmt::print("  {:>3}  {:<{}}  {:<{}}  {:>12}  {:>14}\n", "#", "layer", wide, "output", deep, "parameters",
             "multiply-adds");
  fmt::print("  {:>3}  {:<{}}  {}\n", "", "input", wide, input_text(model));
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string line =
        fmt::format("  {:>3}  {:<{}}  {:<{}}  {:>12}  {:>14}", rows[i].name, rows[i].kind, wide, rows[i].output, deep,
                    rows[i].parameters ? grouped(rows[i].parameters) : "", per_layer[i] ? grouped(per_layer[i]) : "");
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
  fmt::print("\n  {} parameters ({}), {} multiply-adds and {} of activations per example\n", grouped(count.trained),
             amount(static_cast<double>(count.all) * 4), grouped(products),
             amount(static_cast<double>(activations) * 4));
  print(cost);
  fmt::print("  {} classes: {}\n", model.classes.size(), join(model.classes));
  print_notes(path, model.notes);
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("inspect", "Show layers, shapes, parameters and cost of a trained network");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_flag("--json", o->json, "As JSON");
  verb->add_flag("--verify", o->verify, "Only verify the checksums of a model, checkpoint or adapter file");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
