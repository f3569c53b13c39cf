#include <simdjson.h>
#include <tandem/deploy/protocol.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using json = nlohmann::ordered_json;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw Refused(400, fmt::format(text, std::forward<Args>(args)...));
}

// Parsers keep their memory; that of a large body is not kept.
class Json {
 public:
  explicit Json(std::string_view text) {
    static thread_local simdjson::dom::parser usual;
    simdjson::dom::parser& parser = text.size() <= (size_t{1} << 18) ? usual : own_;
    if (parser.max_depth() != most_json_depth &&
        parser.allocate(std::max<size_t>(text.size(), 1 << 14), most_json_depth) != simdjson::SUCCESS)
      throw std::bad_alloc();
    const auto error = parser.parse(text.data(), text.size(), true).get(root);
    if (error == simdjson::MEMALLOC) throw std::bad_alloc();
    if (error == simdjson::DEPTH_ERROR) refuse("the JSON is nested deeper than {} levels", most_json_depth);
    if (error) refuse("the body is no valid JSON: {}", simdjson::error_message(error));
  }
  element root;

 private:
  simdjson::dom::parser own_;
};

object object_of(const element& value, const char* what) {
  object out;
  if (value.get(out)) refuse("{} must be an object", what);
  return out;
}

std::optional<element> find(const object& in, const char* key) {
  element out;
  if (in.at_key(key).get(out)) return std::nullopt;
  return out;
}

element need(const object& in, const char* key, const char* what) {
  const auto found = find(in, key);
  if (!found) refuse("{} has no '{}'", what, key);
  return *found;
}

std::string text_of(const element& value, const char* what) {
  std::string_view out;
  if (value.get(out)) refuse("{} must be a string", what);
  if (out.size() > 256) refuse("{} has {} bytes, at most 256 are taken", what, out.size());
  return std::string(out);
}

bool flag_in(const object& in, const char* key, bool otherwise) {
  const auto parameters = find(in, "parameters");
  if (!parameters) return otherwise;
  const auto value = find(object_of(*parameters, "'parameters'"), key);
  bool out = otherwise;
  if (value && value->get(out)) refuse("the parameter '{}' must be true or false", key);
  return out;
}

std::string shape_text(const ServedModel& model) {
  const Shape shape = model.model().image().shape();
  return fmt::format("[n, {}, {}, {}]", shape[0], shape[1], shape[2]);
}

// How many examples a shape (n, h, w, c) stands for.
int64_t examples_of(const ServedModel& model, const element& value, int64_t most) {
  array sizes;
  if (value.get(sizes)) refuse("the input's 'shape' must be a list of numbers");
  std::vector<int64_t> shape;
  for (const element size : sizes) {
    int64_t n = 0;
    if (size.get(n) || shape.size() == 4) refuse("the input's 'shape' must be {}", shape_text(model));
    shape.push_back(n);
  }
  const Shape one = model.model().image().shape();
  if (shape.size() != 4 || shape[1] != one[0] || shape[2] != one[1] || shape[3] != one[2] || shape[0] < 1)
    refuse("the input's 'shape' is [{}], expected {}", fmt::join(shape, ", "), shape_text(model));
  if (shape[0] > most)
    throw Refused(413, fmt::format("{} examples in a request, at most {} are taken", shape[0], most));
  return shape[0];
}

[[noreturn]] void refuse_value(double value, bool whole) {
  refuse("the input has the value {}, expected {} from 0 to 255", value, whole ? "a whole number" : "a number");
}

// Values of a list, or of lists in lists, in order.
void flatten(const array& values, bool whole, size_t most, std::vector<float>& out) {
  for (const element value : values) {
    array inner;
    if (!value.get(inner)) {
      flatten(inner, whole, most, out);  // as deep as the parser allows
      continue;
    }
    double number = 0;
    if (value.get(number)) refuse("the input's 'data' must hold numbers alone");
    if (!(number >= 0 && number <= 255) || (whole && number != std::trunc(number))) refuse_value(number, whole);
    if (out.size() == most) refuse("the input's 'data' has more than the {} values that its shape asks for", most);
    out.push_back(static_cast<float>(number));
  }
}

// A tensor's bytes: uint8, or float32 in the byte order of x86.
std::vector<float> unpack(std::string_view bytes, bool whole) {
  std::vector<float> out(whole ? bytes.size() : bytes.size() / 4);
  if (whole) {
    std::ranges::transform(bytes, out.begin(),
                           [](char c) { return static_cast<float>(static_cast<unsigned char>(c)); });
    return out;
  }
  std::memcpy(out.data(), bytes.data(), out.size() * 4);
  for (const float value : out)
    if (!(value >= 0 && value <= 255)) refuse_value(static_cast<double>(value), false);
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
      const int32_t best = label_of(answer, i, all.subspan(i * classes, classes));
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
  const auto size = static_cast<size_t>(model.model().image().shape().numel());
  if (json_bytes && static_cast<size_t>(*json_bytes) > body.size())
    refuse("Inference-Header-Content-Length is {}, the body has {} bytes", *json_bytes, body.size());
  if (json_bytes == 0) {
    if (body.empty() || body.size() % size != 0)
      refuse("the body has {} bytes, expected a multiple of {}: UINT8 {}", body.size(), size, shape_text(model));
    out.examples = static_cast<int64_t>(body.size() / size);
    if (out.examples > most)
      throw Refused(413, fmt::format("{} examples in a request, at most {} are taken", out.examples, most));
    out.pixels = unpack(body, true);
    out.outputs = all_outputs(model, true);
    return out;
  }
  const size_t text_size = json_bytes ? static_cast<size_t>(*json_bytes) : body.size();
  const std::string_view tensors = body.substr(text_size);
  const Json parsed(body.substr(0, text_size));
  const object root = object_of(parsed.root, "the body");
  if (const auto id = find(root, "id")) out.id = text_of(*id, "'id'");
  if (const auto parameters = find(root, "parameters"))
    if (const auto subject = find(object_of(*parameters, "'parameters'"), "subject"))
      out.subject = text_of(*subject, "'subject'");
  array inputs;
  if (need(root, "inputs", "the body").get(inputs)) refuse("'inputs' must be a list");
  if (inputs.size() != 1) refuse("{} inputs were given, the model takes one: 'image'", inputs.size());
  const object input = object_of(inputs.at(0).value(), "an input");
  if (const std::string name = text_of(need(input, "name", "an input"), "an input's name"); name != "image")
    refuse("there is no input '{}'; inputs: image", name);
  const std::string type = text_of(need(input, "datatype", "the input"), "'datatype'");
  if (type != "UINT8" && type != "FP32") refuse("the input's datatype is '{}', expected UINT8 or FP32", type);
  const bool whole = type == "UINT8";
  out.examples = examples_of(model, need(input, "shape", "the input"), most);
  const size_t wanted = static_cast<size_t>(out.examples) * size;

  std::optional<element> tensor_size;
  if (const auto parameters = find(input, "parameters"))
    tensor_size = find(object_of(*parameters, "'parameters'"), "binary_data_size");
  const auto data = find(input, "data");
  if (tensor_size && data) refuse("the input has both 'data' and 'binary_data_size'");
  if (tensor_size) {
    uint64_t given = 0;
    if (tensor_size->get(given) || given != wanted * (whole ? 1 : 4))
      refuse("'binary_data_size' must be {}: what {} in {} takes", wanted * (whole ? 1 : 4), shape_text(model), type);
    if (tensors.size() != given) refuse("{} bytes follow the JSON, expected {}", tensors.size(), given);
    out.pixels = unpack(tensors, whole);
  } else {
    if (!data) refuse("the input has neither 'data' nor 'binary_data_size'");
    if (!tensors.empty()) refuse("{} bytes follow the JSON, expected none", tensors.size());
    array values;
    if (data->get(values)) refuse("the input's 'data' must be a list");
    out.pixels.reserve(wanted);
    flatten(values, whole, wanted, out.pixels);
    if (out.pixels.size() != wanted)
      refuse("the input's 'data' has {} values, its shape asks for {}", out.pixels.size(), wanted);
  }
  out.outputs = read_outputs(model, root);
  return out;
}

InferRequest read_picture(const ServedModel& model, std::string_view body, Form form) {
  InferRequest out;
  out.pixels = floats_of(read_picture_file(model, body, form).pixels);
  out.examples = 1;
  out.outputs = all_outputs(model, false);
  return out;
}

int32_t label_of(const Answer& answer, size_t i, std::span<const float> row) {
  return answer.verdicts.empty() ? static_cast<int32_t>(std::ranges::max_element(row) - row.begin())
                                 : answer.verdicts[i].label;
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
    const Values values = values_of(model, kind, answer, request.examples);
    text += fmt::format(R"({{"name":"{}","datatype":"{}","shape":[{}{}],)", kind.name, kind.datatype, request.examples,
                        kind.with_classes ? fmt::format(",{}", model.classes()) : "");
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
              {"version", train::version()},
              {"extensions", {"binary_tensor_data", "model_repository", "model_versions"}}}
      .dump();
}

std::string model_metadata(const ServedModel& model, const std::vector<std::string>& versions) {
  const Shape shape = model.model().image().shape();
  const json input{{"name", "image"}, {"datatype", "UINT8"}, {"shape", {-1, shape[0], shape[1], shape[2]}}};
  json outputs = json::array();
  for (const OutputKind& kind : outputs_of(model)) {
    json wide = json::array({-1});
    if (kind.with_classes) wide.push_back(model.classes());
    outputs.push_back({{"name", kind.name}, {"datatype", kind.datatype}, {"shape", wide}});
  }
  return json{{"name", model.name()},
              {"versions", versions},
              {"platform", "tandem_safetensors"},
              {"inputs", json::array({input})},
              {"outputs", outputs},
              {"parameters", {{"classes", model.model().classes}, {"digest", model.digest()}}}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string error_body(const std::string& message) { return fmt::format(R"({{"error":{}}})", json_string(message)); }

std::string json_string(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tandem::deploy
