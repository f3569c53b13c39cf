#include <tandem/adapt/checkpoint.h>
#include <tandem/base/json_file.h>
#include <tandem/data/text/tokenizer_folder.h>
#include <tandem/nn/weights.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::adapt {
namespace {

using nlohmann::json;

/// config.json, value by value.
class Settings {
 public:
  explicit Settings(const fs::path& path) : where_(path.string()), values_(read_json_object(path)) {}

  [[nodiscard]] const json* find(const char* key) const {
    const auto found = values_.find(key);
    return found == values_.end() || found->is_null() ? nullptr : &*found;
  }
  /// 0 as fallback: it must be there.
  [[nodiscard]] int64_t size(const char* key, int64_t fallback = 0) const {
    const json* value = find(key);
    if (!value && fallback > 0) return fallback;
    constexpr int64_t most = 1'000'000'000;
    const int64_t out = value && value->is_number_integer() ? value->get<int64_t>() : 0;
    if (out < 1 || out > most) refuse(key, value, "a whole number from 1 to 1,000,000,000");
    return out;
  }
  [[nodiscard]] double number(const char* key, double fallback) const {
    const json* value = find(key);
    if (!value) return fallback;
    if (!value->is_number()) refuse(key, value, "a number");
    return value->get<double>();
  }
  [[nodiscard]] std::string text(const char* key, const std::string& fallback) const {
    const json* value = find(key);
    if (!value) return fallback;
    if (!value->is_string()) refuse(key, value, "a word");
    return value->get<std::string>();
  }
  /// What only one value is read of.
  void demand(const char* key, const json& only) const {
    if (const json* value = find(key); value && *value != only) refuse(key, value, only.dump() + ", all that is read");
  }
  /// The activation by the name it has in a recipe.
  [[nodiscard]] std::string activation(const char* key, const std::string& fallback) const {
    static const std::map<std::string, std::string> names{
        {"gelu", "gelu"}, {"gelu_new", "gelu_tanh"}, {"gelu_pytorch_tanh", "gelu_tanh"}, {"relu", "relu"}};
    const auto found = names.find(text(key, fallback));
    if (found == names.end()) refuse(key, find(key), "gelu, gelu_new, gelu_pytorch_tanh or relu");
    return found->second;
  }
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  [[noreturn]] void refuse(const char* key, const json* value, const std::string& expected) const {
    const std::string got = value ? value->dump(-1, ' ', false, json::error_handler_t::replace) : "missing";
    fail(ErrorKind::data, where_, "{} is {}, expected {}", key, got.substr(0, 80), expected);
  }

  std::string where_;
  json values_;
};

/// The folder's tensors by their names in the base network, taken one by one.
class Weights {
 public:
  /// `prefix` stands before the names of the base network where a head is above it.
  Weights(const fs::path& folder, const std::string& prefix) : where_(folder.string()) {
    for (const std::string& name : files_of(folder))
      for (auto& [full, tensor] : read_safetensors(folder / name).tensors) {
        std::string own = full.starts_with(prefix) ? full.substr(prefix.size()) : full;
        if (own != full) prefix_ = prefix;
        for (const auto& [old, now] : {std::pair{"LayerNorm.gamma", "LayerNorm.weight"},  // of older programs
                                       std::pair{"LayerNorm.beta", "LayerNorm.bias"}})
          if (own.ends_with(old)) own.replace(own.size() - std::strlen(old), std::strlen(old), now);
        if (!all_.emplace(own, Entry{full, tensor}).second)
          fail(ErrorKind::data, where_, "tensor '{}' is there twice", full);
      }
  }

  [[nodiscard]] int64_t numbers() const {
    int64_t out = 0;
    for (const auto& [name, entry] : all_) out += entry.tensor.numel();
    return out;
  }
  [[nodiscard]] bool has(const std::string& name) const { return all_.contains(name); }
  [[nodiscard]] const std::string& where() const { return where_; }

  Tensor take(const std::string& name, const Shape& shape) {
    const auto found = all_.find(name);
    if (found == all_.end())
      fail(ErrorKind::data, where_, "tensor '{}{}' of shape {} is missing: config.json says that the network has it",
           prefix_, name, shape);
    const Entry entry = found->second;
    if (entry.tensor.shape() != shape)
      fail(ErrorKind::data, where_, "tensor '{}' has shape {}, expected {} by config.json", entry.name,
           entry.tensor.shape(), shape);
    if (entry.tensor.dtype() != DType::f32 && entry.tensor.dtype() != DType::f64)
      fail(ErrorKind::data, where_, "tensor '{}' holds {}, expected floating-point numbers", entry.name,
           name_of(entry.tensor.dtype()));
    all_.erase(found);
    return entry.tensor.to(DType::f32);
  }
  void drop(const std::string& name) { all_.erase(name); }

  /// What is left belongs to other heads, whose names begin so. Throws for a tensor that does not.
  std::vector<std::string> rest(const std::vector<std::string>& heads, const std::string& what) const {
    std::vector<std::string> out;
    for (const auto& [name, entry] : all_) {
      const std::string& own = name;
      if (std::ranges::none_of(heads, [&](const std::string& head) { return own.starts_with(head); }))
        fail(ErrorKind::data, where_,
             "tensor '{}' of shape {} belongs to no part of {}: is config.json of another network?", entry.name,
             entry.tensor.shape(), what);
      out.push_back(entry.name);
    }
    return out;
  }

 private:
  struct Entry {
    std::string name;  // in the file
    Tensor tensor;
  };

  static std::vector<std::string> files_of(const fs::path& folder) {
    const fs::path index = folder / "model.safetensors.index.json";
    if (fs::exists(folder / "model.safetensors") || !fs::exists(index)) return {"model.safetensors"};
    std::set<std::string> names;
    const json all = read_json_object(index);
    try {
      for (const auto& [tensor, file] : all.at("weight_map").items()) names.insert(file.get<std::string>());
    } catch (const json::exception& e) {
      fail(ErrorKind::data, index.string(), "does not say which tensor is in which file: {}", e.what());
    }
    for (const std::string& name : names)
      if (fs::path(name).filename() != name)
        fail(ErrorKind::data, index.string(), "names '{}', expected a file of its own folder", name);
    return {names.begin(), names.end()};
  }

  std::string where_, prefix_;
  std::map<std::string, Entry> all_;
};

/// A tensor of a layer, and those of the folder that it is made of, one below the other. `turned`: stored as (in, out).
struct Part {
  std::string to;
  std::vector<std::string> from;
  bool turned = false;
};

Tensor turned(const Tensor& t) {
  Tensor out = Tensor::empty({t.size(1), t.size(0)});
  const auto from = t.data<const float>();
  const auto to = out.data<float>();
  const auto rows = static_cast<size_t>(t.size(0)), columns = static_cast<size_t>(t.size(1));
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  return out;
}

/// Fills the layer `net`[index] part by part.
void fill(nn::Sequential& net, size_t index, Weights& weights, const std::vector<Part>& parts) {
  std::map<std::string, Tensor> own;
  for (const auto& [name, tensor] : nn::named(*net.layers()[index])) own.emplace(name, tensor);
  for (const Part& part : parts) {
    const Tensor& to = own.at(part.to);
    const auto count = static_cast<int64_t>(part.from.size());
    Shape shape = to.shape().with(0, to.size(0) / count);
    if (part.turned) shape = Shape{shape[1], shape[0]};
    auto* at = static_cast<uint8_t*>(to.bytes());
    for (const std::string& name : part.from) {
      const Tensor from = part.turned ? turned(weights.take(name, shape)) : weights.take(name, shape);
      std::memcpy(at, from.bytes(), from.byte_count());
      at += from.byte_count();
    }
  }
}

/// A layer's weight and bias under one name.
void add_pair(std::vector<Part>& parts, const std::string& to, const std::string& from, bool is_turned = false) {
  parts.push_back({to + ".weight", {from + ".weight"}, is_turned});
  parts.push_back({to + ".bias", {from + ".bias"}});
}

size_t index_of(const nn::Sequential& net, const std::string& kind) {
  const auto found = std::ranges::find_if(net.layers(), [&](const auto& layer) { return layer->kind() == kind; });
  return static_cast<size_t>(found - net.layers().begin());
}

/// Reads the layers and makes their tensors, no more numbers than the folder has (and some, so that a missing tensor
/// is named as such).
nn::Sequential built(const std::string& network, const Settings& config, const Weights& weights, int64_t vocabulary,
                     int64_t classes) {
  try {
    nn::Sequential net = nn::Sequential::read(Config::parse(network, "network"));
    nn::Build build{Rng(0, "load"), classes, weights.numbers() + (1 << 20)};
    build.vocabulary = vocabulary;
    (void)net.build({}, build);
    return net;
  } catch (const Error& e) {
    fail(ErrorKind::data, config.where(), "describes a network that cannot be: {}", e.what());
  }
}

void check_vocabulary(const Settings& config, const data::Tokenizer& tokenizer) {
  if (const int64_t said = config.size("vocab_size"); said != tokenizer.size())
    fail(ErrorKind::data, config.where(),
         "vocab_size is {}, the tokenizer beside it has {} pieces: both must be of one network", said,
         tokenizer.size());
}

void read_gpt2(Checkpoint& out, const fs::path& folder, const Settings& config) {
  config.demand("scale_attn_weights", true);
  config.demand("scale_attn_by_inverse_layer_idx", false);
  config.demand("add_cross_attention", false);
  const int64_t width = config.size("n_embd"), layers = config.size("n_layer");
  out.context = config.size("n_positions");
  out.task = "language_model";
  out.tokenizer = data::read_tokenizer(folder, "byte_bpe");
  check_vocabulary(config, out.tokenizer);
  Weights weights(folder, "transformer.");

  bool tied = true;
  const Shape table{out.tokenizer.size(), width};
  Tensor head;
  if (weights.has("lm_head.weight")) {
    head = weights.take("lm_head.weight", table);
    tied = config.find("tie_word_embeddings") == nullptr || *config.find("tie_word_embeddings") == true;
  }
  out.net = built(
      fmt::format("[embedding: {{width: {0}}}, positions: {{most: {1}}}, dropout: {2}, transformer: {{layers: {3}, "
                  "heads: {4}, hidden: {5}, activation: {6}, epsilon: {7}, dropout: {8}, causal: true}}, {9}]",
                  width, out.context, config.number("embd_pdrop", 0.1), layers, config.size("n_head"),
                  config.size("n_inner", 4 * width), config.activation("activation_function", "gelu_new"),
                  config.number("layer_norm_epsilon", 1e-5), config.number("resid_pdrop", 0.1),
                  tied ? "tied_head" : "linear: {units: classes, bias: false}"),
      config, weights, out.tokenizer.size(), out.tokenizer.size());

  fill(out.net, 0, weights, {{"weight", {"wte.weight"}}});
  fill(out.net, 1, weights, {{"weight", {"wpe.weight"}}});
  std::vector<Part> parts;
  for (int64_t i = 0; i < layers; ++i) {
    const std::string to = fmt::format("layers.{}.", i), from = fmt::format("h.{}.", i);
    add_pair(parts, to + "norm1", from + "ln_1");
    parts.push_back({to + "self_attn.in_proj_weight", {from + "attn.c_attn.weight"}, true});
    parts.push_back({to + "self_attn.in_proj_bias", {from + "attn.c_attn.bias"}});
    add_pair(parts, to + "self_attn.out_proj", from + "attn.c_proj", true);
    add_pair(parts, to + "norm2", from + "ln_2");
    add_pair(parts, to + "linear1", from + "mlp.c_fc", true);
    add_pair(parts, to + "linear2", from + "mlp.c_proj", true);
    for (const char* mask : {"attn.bias", "attn.masked_bias"}) weights.drop(from + mask);  // constants
  }
  add_pair(parts, "norm", "ln_f");
  fill(out.net, index_of(out.net, "transformer"), weights, parts);
  if (!tied) std::memcpy(nn::named(*out.net.layers().back()).front().second.bytes(), head.bytes(), head.byte_count());
  out.left_out =
      weights.rest({"score.", "multiple_choice_head.", "classifier."}, fmt::format("a GPT-2 of {} layers", layers));
}

std::vector<std::string> classes_of(const Settings& config) {
  std::vector<std::string> out;
  const json* names = config.find("id2label");
  const int64_t count = names ? std::ssize(*names) : config.size("num_labels", 2);
  constexpr int64_t most = 1'000'000;
  if (count > most || (names && !names->is_object()))
    fail(ErrorKind::data, config.where(), "id2label is no object of classes and their names, or has more than {}",
         most);
  for (int64_t i = 0; i < count; ++i) {
    const std::string id = std::to_string(i);
    if (names && (!names->contains(id) || !names->at(id).is_string()))
      fail(ErrorKind::data, config.where(), "id2label has {} classes and none with the id \"{}\": they must be 0 to {}",
           count, id, count - 1);
    out.push_back(names ? names->at(id).get<std::string>() : "LABEL_" + id);
  }
  return out;
}

/// Whether its classifier tells of a text which one of several classes it is.
bool classifies(const Settings& config) {
  const json* architectures = config.find("architectures");
  const std::string trained =
      architectures && architectures->is_array() && !architectures->empty() && architectures->front().is_string()
          ? architectures->front().get<std::string>()
          : "";
  return trained.ends_with("ForSequenceClassification") &&
         config.text("problem_type", "single_label_classification") == "single_label_classification" &&
         classes_of(config).size() > 1;
}

void read_bert(Checkpoint& out, const fs::path& folder, const Settings& config) {
  config.demand("position_embedding_type", "absolute");
  config.demand("is_decoder", false);
  config.demand("add_cross_attention", false);
  const int64_t width = config.size("hidden_size"), layers = config.size("num_hidden_layers");
  out.context = config.size("max_position_embeddings");
  out.tokenizer = data::read_tokenizer(folder, "wordpiece");
  check_vocabulary(config, out.tokenizer);
  Weights weights(folder, "bert.");
  const bool head = classifies(config), pooler = head || weights.has("pooler.dense.weight");
  out.task = head ? "text_classification" : "text_encoder";
  if (head) out.classes = classes_of(config);
  const double dropout = config.number("hidden_dropout_prob", 0.1), epsilon = config.number("layer_norm_eps", 1e-12);
  std::string network = fmt::format(
      "[embedding: {{width: {0}}}, positions: {{most: {1}}}, layer_norm: {2}, dropout: {3}, transformer: {{layers: "
      "{4}, heads: {5}, hidden: {6}, norm: last, activation: {7}, epsilon: {2}, dropout: {3}}}, pool_sequence: first",
      width, out.context, epsilon, dropout, layers, config.size("num_attention_heads"),
      config.size("intermediate_size"), config.activation("hidden_act", "gelu"));
  if (pooler) network += fmt::format(", linear: {}, tanh", width);
  if (head) network += fmt::format(", dropout: {}, linear: classes", config.number("classifier_dropout", dropout));
  out.net = built(network + "]", config, weights, out.tokenizer.size(), std::ssize(out.classes));

  fill(out.net, 0, weights, {{"weight", {"embeddings.word_embeddings.weight"}}});
  fill(out.net, 1, weights, {{"weight", {"embeddings.position_embeddings.weight"}}});
  // A text is one segment here: the vector of the first one belongs to every position.
  const Tensor segments =
      weights.take("embeddings.token_type_embeddings.weight", {config.size("type_vocab_size", 2), width});
  const auto positions = nn::named(*out.net.layers()[1]).front().second.data<float>();
  for (size_t i = 0; i < positions.size(); ++i)
    positions[i] += segments.data<const float>()[i % static_cast<size_t>(width)];
  const auto fill_pair = [&](size_t layer, const std::string& from) {
    fill(out.net, layer, weights, {{"weight", {from + ".weight"}}, {"bias", {from + ".bias"}}});
  };
  fill_pair(index_of(out.net, "layer_norm"), "embeddings.LayerNorm");
  std::vector<Part> parts;
  for (int64_t i = 0; i < layers; ++i) {
    const std::string to = fmt::format("layers.{}.", i), from = fmt::format("encoder.layer.{}.", i);
    for (const char* kind : {"weight", "bias"}) {
      std::vector<std::string> three;
      for (const char* part : {"query", "key", "value"})
        three.push_back(fmt::format("{}attention.self.{}.{}", from, part, kind));
      parts.push_back({fmt::format("{}self_attn.in_proj_{}", to, kind), three});
    }
    add_pair(parts, to + "self_attn.out_proj", from + "attention.output.dense");
    add_pair(parts, to + "norm1", from + "attention.output.LayerNorm");
    add_pair(parts, to + "linear1", from + "intermediate.dense");
    add_pair(parts, to + "linear2", from + "output.dense");
    add_pair(parts, to + "norm2", from + "output.LayerNorm");
  }
  fill(out.net, index_of(out.net, "transformer"), weights, parts);
  if (pooler) fill_pair(index_of(out.net, "linear"), "pooler.dense");
  if (head) fill_pair(out.net.layers().size() - 1, "classifier");
  for (const char* constant : {"embeddings.position_ids", "embeddings.token_type_ids"}) weights.drop(constant);
  out.left_out = weights.rest({"cls.", "qa_outputs.", "classifier."}, fmt::format("a BERT of {} layers", layers));
}

}  // namespace

bool Checkpoint::is_at(const fs::path& folder) {
  return fs::is_directory(folder) && fs::is_regular_file(folder / "config.json");
}

Checkpoint Checkpoint::load(const fs::path& folder) {
  const Settings config(folder / "config.json");
  Checkpoint out;
  out.where = folder.string();
  const std::string type = config.text("model_type", "");
  if (type == "gpt2")
    read_gpt2(out, folder, config);
  else if (type == "bert")
    read_bert(out, folder, config);
  else
    fail(ErrorKind::data, config.where(), "model_type is '{}', expected one of those that are read: gpt2, bert", type);
  return out;
}

tasks::LanguageModel Checkpoint::language_model() const {
  if (task != "language_model") fail(where, "holds a network for '{}', expected language_model", task);
  tasks::LanguageModel out;
  out.net = net;
  out.tokenizer = tokenizer;
  out.reading = {.context = context, .carry = false};
  out.notes["start_from"] = where;
  return out;
}

tasks::Classifier Checkpoint::classifier() const {
  if (task != "text_classification")
    fail(where, "gives a vector for each text and no answer, so it is no model yet: name it in start_from of a recipe");
  tasks::Classifier out;
  out.net = net;
  out.input = tasks::TextInput{{.most = context, .longer = "cut"}, tokenizer.options(), tokenizer};
  out.classes = classes;
  out.notes["start_from"] = where;
  return out;
}

}  // namespace tandem::adapt
