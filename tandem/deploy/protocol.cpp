#include <tandem/base/version.h>
#include <tandem/deploy/json.h>
#include <tandem/deploy/protocol.h>
#include <tandem/deploy/tensors.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using json = nlohmann::ordered_json;

bool flag_in(const object& in, const char* key, bool otherwise) {
  const auto parameters = find(in, "parameters");
  if (!parameters) return otherwise;
  const auto value = find(object_of(*parameters, "'parameters'"), key);
  bool out = otherwise;
  if (value && value->get(out)) refuse("the parameter '{}' must be true or false", key);
  return out;
}

struct OutputKind {
  const char *name, *datatype;
  bool with_classes;  // (n, classes); otherwise (n)
};
constexpr OutputKind probabilities{"probabilities", "FP32", true}, label{"label", "BYTES", false},
    set{"set", "BOOL", true}, deferred{"deferred", "BOOL", false}, reason{"reason", "BYTES", false};

std::vector<OutputKind> outputs_of(const ServedModel& model) {
  if (model.model().confidence) return {probabilities, label, set, deferred, reason};
  return {probabilities, label};
}

std::vector<InferRequest::Output> all_outputs(const ServedModel& model, bool binary) {
  std::vector<InferRequest::Output> out;
  for (const OutputKind& kind : outputs_of(model)) out.push_back({kind.name, binary});
  return out;
}

std::vector<InferRequest::Output> read_outputs(const ServedModel& model, const object& root) {
  const bool binary = flag_in(root, "binary_data_output", false);
  const auto listed = find(root, "outputs");
  if (!listed) return all_outputs(model, binary);
  array list;
  if (listed->get(list)) refuse("'outputs' must be a list");
  const auto kinds = outputs_of(model);
  std::vector<InferRequest::Output> out;
  for (const element item : list) {
    const object o = object_of(item, "an output");
    const std::string name = text_of(need(o, "name", "an output"), "an output's name");
    if (std::ranges::none_of(kinds, [&](const OutputKind& kind) { return name == kind.name; })) {
      std::vector<std::string> names;
      for (const OutputKind& kind : kinds) names.emplace_back(kind.name);
      refuse("there is no output '{}'; outputs: {}", name, fmt::join(names, ", "));
    }
    if (std::ranges::find(out, name, &InferRequest::Output::name) != out.end())
      refuse("the output '{}' is asked for twice", name);
    out.push_back({name, flag_in(o, "binary_data", binary)});
  }
  return out.empty() ? all_outputs(model, binary) : out;
}

// One output of one answer, as a list of numbers, flags or texts.
struct Values {
  std::vector<float> numbers;
  std::vector<uint8_t> flags;
  std::vector<std::string> texts;
};

Values values_of(const ServedModel& model, const OutputKind& kind, const Answer& answer, int64_t n) {
  const auto classes = static_cast<size_t>(model.classes());
  const std::span<const float> all(answer.probabilities);
  Values out;
  const std::string_view name = kind.name;
  if (name == "probabilities") out.numbers = answer.probabilities;
  if (name == "set") out.flags.assign(static_cast<size_t>(n) * classes, 0);
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    if (name == "label") {
      const int32_t best = model.model().answer(all.subspan(i * classes, classes));
      out.texts.push_back(model.model().classes[static_cast<size_t>(best)]);
    } else if (name == "reason") {
      out.texts.emplace_back(evaluate::reason_of(answer.verdicts[i].why));
    } else if (name == "deferred") {
      out.flags.push_back(answer.verdicts[i].deferred() ? 1 : 0);
    } else if (name == "set") {
      for (const int32_t c : answer.verdicts[i].set) out.flags[i * classes + static_cast<size_t>(c)] = 1;
    }
  }
  return out;
}

std::string binary_of(const Values& values) {
  std::string out(reinterpret_cast<const char*>(values.numbers.data()), values.numbers.size() * 4);
  out.append(values.flags.begin(), values.flags.end());
  for (const std::string& text : values.texts) {  // a length of 4 bytes before each
    const auto size = static_cast<uint32_t>(text.size());
    out.append(reinterpret_cast<const char*>(&size), 4);
    out += text;
  }
  return out;
}

std::string json_of(const Values& values) {
  if (!values.numbers.empty()) return fmt::format("[{}]", fmt::join(values.numbers, ","));
  std::string out = "[";
  for (const uint8_t flag : values.flags) out += flag ? "true," : "false,";
  for (const std::string& text : values.texts) out += json_string(text) + ",";
  out.back() = ']';
  return out;
}

}  // namespace

std::optional<int64_t> read_json_bytes(const std::string& header) {
  if (header.empty()) return std::nullopt;
  int64_t out = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), out);
  if (error != std::errc() || end != header.data() + header.size() || out < 0)
    refuse("Inference-Header-Content-Length must be a number of bytes");
  return out;
}

InferRequest read_infer(const ServedModel& model, std::string_view body, std::optional<int64_t> json_bytes,
                        int64_t most) {
  InferRequest out;
  if (json_bytes && static_cast<size_t>(*json_bytes) > body.size())
    refuse("Inference-Header-Content-Length is {}, the body has {} bytes", *json_bytes, body.size());
  if (json_bytes == 0) {
    out.examples = read_pixels(model, body, most);
    out.outputs = all_outputs(model, true);
    return out;
  }
  const size_t text_size = json_bytes ? static_cast<size_t>(*json_bytes) : body.size();
  const Json parsed(body.substr(0, text_size));
  const object root = object_of(parsed.root, "the body");
  if (!is_row(model, root)) {
    if (const auto id = find(root, "id")) out.id = text_of(*id, "'id'");
    if (const auto parameters = find(root, "parameters"))
      if (const auto subject = find(object_of(*parameters, "'parameters'"), "subject"))
        out.subject = text_of(*subject, "'subject'");
    out.outputs = read_outputs(model, root);
  } else {
    out.outputs = all_outputs(model, false);
  }
  out.examples = read_inputs(model, root, body.substr(text_size), most);
  return out;
}

InferRequest whole_answer(const ServedModel& model, Examples examples) {
  return {.id = {}, .subject = {}, .examples = std::move(examples), .outputs = all_outputs(model, false)};
}

Response write_infer(const ServedModel& model, const InferRequest& request, const Answer& answer,
                     std::span<const int64_t> decisions) {
  const auto kinds = outputs_of(model);
  std::string text = fmt::format(R"({{"model_name":"{}","model_version":"{}",)", model.name(), model.version());
  if (!request.id.empty()) text += fmt::format(R"("id":{},)", json_string(request.id));
  text += fmt::format(R"("parameters":{{"digest":"{}")", model.digest());
  if (!decisions.empty()) text += fmt::format(R"(,"decisions":[{}])", fmt::join(decisions, ","));
  text += R"(},"outputs":[)";
  std::string tensors;
  for (const auto& output : request.outputs) {
    const OutputKind& kind = *std::ranges::find_if(kinds, [&](const OutputKind& k) { return output.name == k.name; });
    const Values values = values_of(model, kind, answer, request.examples.count);
    text += fmt::format(R"({{"name":"{}","datatype":"{}","shape":[{}{}],)", kind.name, kind.datatype,
                        request.examples.count, kind.with_classes ? fmt::format(",{}", model.classes()) : "");
    if (output.binary) {
      const std::string bytes = binary_of(values);
      text += fmt::format(R"("parameters":{{"binary_data_size":{}}}}},)", bytes.size());
      tensors += bytes;
    } else {
      text += R"("data":)" + json_of(values) + "},";
    }
  }
  text.back() = ']';
  text += '}';
  const bool binary = std::ranges::any_of(request.outputs, &InferRequest::Output::binary);
  if (!binary) return {200, std::move(text)};
  const std::string size = std::to_string(text.size());
  return {200, std::move(text) + tensors, "application/octet-stream", {{"Inference-Header-Content-Length", size}}};
}

std::string server_metadata() {
  return json{{"name", "tandem"},
              {"version", version()},
              {"extensions", {"binary_tensor_data", "model_repository", "model_versions"}}}
      .dump();
}

std::string model_metadata(const ServedModel& model, const std::vector<std::string>& versions) {
  json inputs = json::array();
  for (const InputKind& kind : inputs_of(model))
    inputs.push_back({{"name", kind.name}, {"datatype", kind.datatype}, {"shape", kind.shape}});
  json outputs = json::array();
  for (const OutputKind& kind : outputs_of(model)) {
    json wide = json::array({-1});
    if (kind.with_classes) wide.push_back(model.classes());
    outputs.push_back({{"name", kind.name}, {"datatype", kind.datatype}, {"shape", wide}});
  }
  return json{{"name", model.name()},
              {"versions", versions},
              {"platform", "tandem_safetensors"},
              {"inputs", inputs},
              {"outputs", outputs},
              {"parameters", {{"classes", model.model().classes}, {"digest", model.digest()}}}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string error_body(const std::string& message) { return fmt::format(R"({{"error":{}}})", json_string(message)); }

std::string json_string(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tandem::deploy
