#include <tandem/deploy/plain.h>
#include <tandem/deploy/rows.h>
#include <tandem/deploy/tensors.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace tandem::deploy {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

template <class T>
double load(const char* at) {
  T value{};
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

struct Type {
  std::string_view name;
  size_t bytes;  // of a value; 0: a length of 4 bytes stands before each
  double (*read)(const char* at);
};
constexpr std::array types{
    Type{"BYTES", 0, nullptr},         Type{"BOOL", 1, load<uint8_t>},    Type{"UINT8", 1, load<uint8_t>},
    Type{"UINT16", 2, load<uint16_t>}, Type{"UINT32", 4, load<uint32_t>}, Type{"UINT64", 8, load<uint64_t>},
    Type{"INT8", 1, load<int8_t>},     Type{"INT16", 2, load<int16_t>},   Type{"INT32", 4, load<int32_t>},
    Type{"INT64", 8, load<int64_t>},   Type{"FP32", 4, load<float>},      Type{"FP64", 8, load<double>},
};

// One input of a request, as far as it is the same for all models.
struct Input {
  std::string name, datatype;
  element shape;
  std::optional<array> data;      // or …
  std::optional<uint64_t> bytes;  // … so many, behind the JSON
};

Input input_of(const element& value) {
  const object given = object_of(value, "an input");
  Input out{text_of(need(given, "name", "an input"), "an input's name"),
            text_of(need(given, "datatype", "the input"), "'datatype'"),
            need(given, "shape", "the input"),
            {},
            {}};
  if (const auto parameters = find(given, "parameters"))
    if (const auto size = find(object_of(*parameters, "'parameters'"), "binary_data_size")) {
      uint64_t bytes = 0;
      if (size->get(bytes)) refuse("'binary_data_size' must be a number of bytes");
      out.bytes = bytes;
    }
  const auto data = find(given, "data");
  if (out.bytes && data) refuse("the input has both 'data' and 'binary_data_size'");
  if (!out.bytes && !data) refuse("the input has neither 'data' nor 'binary_data_size'");
  if (data) {
    array values;
    if (data->get(values)) refuse("the input's 'data' must be a list");
    out.data = values;
  }
  return out;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out = "[n";
  for (size_t i = 1; i < shape.size(); ++i) out += fmt::format(", {}", shape[i]);
  return out + "]";
}

// How many examples a shape stands for; all but its first size must be as in `wanted`.
int64_t examples_of(const element& value, const std::vector<int64_t>& wanted, int64_t most) {
  array sizes;
  if (value.get(sizes)) refuse("the input's 'shape' must be a list of numbers");
  std::vector<int64_t> shape;
  for (const element size : sizes) {
    int64_t n = 0;
    if (size.get(n) || shape.size() == wanted.size()) refuse("the input's 'shape' must be {}", shape_text(wanted));
    shape.push_back(n);
  }
  if (shape.size() != wanted.size() || !std::equal(shape.begin() + 1, shape.end(), wanted.begin() + 1) || shape[0] < 1)
    refuse("the input's 'shape' is [{}], expected {}", fmt::join(shape, ", "), shape_text(wanted));
  if (shape[0] > most)
    throw Refused(413, fmt::format("{} examples in a request, at most {} are taken", shape[0], most));
  return shape[0];
}

// --- pictures

[[noreturn]] void refuse_value(double value, bool whole) {
  refuse("the input has the value {}, expected {} from 0 to 255", value, whole ? "a whole number" : "a number");
}

// Values of a list, or of lists in lists, in order.
void flatten(const array& values, bool whole, size_t most, Pixels& out) {
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
Pixels unpack(std::string_view bytes, bool whole) {
  Pixels out(whole ? bytes.size() : bytes.size() / 4);
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

Examples pictures(const InputKind& kind, const array& inputs, std::string_view tensors, int64_t most) {
  if (inputs.size() != 1) refuse("{} inputs were given, the model takes one: 'image'", inputs.size());
  const Input input = input_of(inputs.at(0).value());
  if (input.name != kind.name) refuse("there is no input '{}'; inputs: image", input.name);
  if (input.datatype != "UINT8" && input.datatype != "FP32")
    refuse("the input's datatype is '{}', expected UINT8 or FP32", input.datatype);
  const bool whole = input.datatype == "UINT8";
  Examples out;
  out.count = examples_of(input.shape, kind.shape, most);
  size_t wanted = static_cast<size_t>(out.count);
  for (size_t i = 1; i < kind.shape.size(); ++i) wanted *= static_cast<size_t>(kind.shape[i]);
  if (input.bytes) {
    const size_t bytes = wanted * (whole ? 1 : 4);
    if (*input.bytes != bytes)
      refuse("'binary_data_size' must be {}: what {} in {} takes", bytes, shape_text(kind.shape), input.datatype);
    if (tensors.size() != bytes) refuse("{} bytes follow the JSON, expected {}", tensors.size(), bytes);
    out.values = unpack(tensors, whole);
    return out;
  }
  if (!tensors.empty()) refuse("{} bytes follow the JSON, expected none", tensors.size());
  Pixels pixels;
  pixels.reserve(wanted);
  flatten(*input.data, whole, wanted, pixels);
  if (pixels.size() != wanted) refuse("the input's 'data' has {} values, its shape asks for {}", pixels.size(), wanted);
  out.values = std::move(pixels);
  return out;
}

// --- texts and columns: shape (n)

Cell cell_of(const element& value, const Input& input, const Type& type) {
  if (value.is_null()) return {};
  const auto wrong = [&](const char* wanted) {
    refuse("the input '{}' is {}: its 'data' must hold {} or null, in one list", input.name, input.datatype, wanted);
  };
  std::string_view text;
  bool flag = false;
  double number = 0;
  if (type.name == "BYTES") {
    if (value.get(text)) wrong("strings");
    return text;
  }
  if (type.name == "BOOL") {
    if (value.get(flag)) wrong("true, false");
    return flag;
  }
  if (value.get(number)) wrong("numbers");
  if (!type.name.starts_with("FP") && number != std::trunc(number)) wrong("whole numbers");
  return number;
}

// The values of an input, one an example, each to `take`; what is binary is cut off `tensors`.
template <class Take>
int64_t each_value(const Input& input, std::string_view& tensors, int64_t most, const Take& take) {
  const auto type = std::ranges::find(types, input.datatype, &Type::name);
  if (type == types.end()) {
    std::vector<std::string_view> names;
    for (const Type& known : types) names.push_back(known.name);
    refuse("the input '{}' has the datatype '{}', expected one of {}", input.name, input.datatype,
           fmt::join(names, ", "));
  }
  const int64_t n = examples_of(input.shape, {-1}, most);
  if (input.data) {
    if (input.data->size() != static_cast<size_t>(n))
      refuse("the 'data' of the input '{}' has {} values, its shape asks for {}", input.name, input.data->size(), n);
    for (const element value : *input.data) take(cell_of(value, input, *type));
    return n;
  }
  if (*input.bytes > tensors.size())
    refuse("the input '{}' asks for {} bytes behind the JSON, {} are left", input.name, *input.bytes, tensors.size());
  std::string_view own = tensors.substr(0, *input.bytes);
  tensors.remove_prefix(own.size());
  const auto short_of = [&] {
    refuse("the input '{}' has {} bytes, which are not {} values of {}", input.name, *input.bytes, n, input.datatype);
  };
  for (int64_t i = 0; i < n; ++i) {
    size_t size = type->bytes;
    if (size == 0) {
      if (own.size() < 4) short_of();
      uint32_t length = 0;
      std::memcpy(&length, own.data(), 4);
      own.remove_prefix(4);
      size = length;
    }
    if (own.size() < size) short_of();
    if (type->name == "BYTES")
      take(Cell(own.substr(0, size)));
    else if (type->name == "BOOL")
      take(Cell(type->read(own.data()) != 0));
    else
      take(Cell(type->read(own.data())));
    own.remove_prefix(size);
  }
  if (!own.empty()) short_of();
  return n;
}

Examples texts(const ServedModel& model, const array& inputs, std::string_view& tensors, int64_t most) {
  if (inputs.size() != 1) refuse("{} inputs were given, the model takes one: 'text'", inputs.size());
  const Input input = input_of(inputs.at(0).value());
  if (input.name != "text") refuse("there is no input '{}'; inputs: text", input.name);
  if (input.datatype != "BYTES") refuse("the input's datatype is '{}', expected BYTES", input.datatype);
  data::Texts out;
  const int64_t n = each_value(input, tensors, most, [&](const Cell& cell) {
    const auto* text = std::get_if<std::string_view>(&cell);
    out.emplace_back(text ? *text : "");
  });
  check_texts(model, out);
  return {n, std::move(out)};
}

Examples rows(const ServedModel& model, const array& inputs, std::string_view& tensors, int64_t most) {
  Columns columns(model);
  for (const element value : inputs) {
    const Input input = input_of(value);
    const size_t place = columns.place_of(input.name);
    (void)each_value(input, tensors, most, [&](const Cell& cell) { columns.put(place, cell); });
  }
  return columns.rows();
}

Examples row_of(const ServedModel& model, const object& root) {
  Columns columns(model);
  for (const auto& [key, value] : root) {
    const size_t place = columns.place_of(key);
    std::string_view text;
    bool flag = false;
    double number = 0;
    if (value.is_null())
      columns.put(place, {});
    else if (!value.get(text))
      columns.put(place, text);
    else if (!value.get(flag))
      columns.put(place, flag);
    else if (!value.get(number))
      columns.put(place, number);
    else
      refuse("'{}' must be a string, a number, true, false or null", key);
  }
  return columns.rows();
}

}  // namespace

std::vector<InputKind> inputs_of(const ServedModel& model) {
  const tasks::Input& input = model.model().input;
  if (std::holds_alternative<tasks::TextInput>(input)) return {{"text", "BYTES", {-1}}};
  std::vector<InputKind> out;
  if (const auto* table = std::get_if<tasks::TableInput>(&input)) {
    for (const auto& c : table->number_columns) out.push_back({c.name, c.date ? "BYTES" : "FP64", {-1}});
    for (const auto& c : table->category_columns) out.push_back({c.name, "BYTES", {-1}});
    return out;
  }
  const Shape shape = tasks::shape_of(input);
  return {{"image", "UINT8", {-1, shape[0], shape[1], shape[2]}}};
}

bool is_row(const ServedModel& model, const object& root) {
  return std::holds_alternative<tasks::TableInput>(model.model().input) && !find(root, "inputs");
}

Examples read_inputs(const ServedModel& model, const object& root, std::string_view tensors, int64_t most) {
  const tasks::Input& kind = model.model().input;
  const bool table = std::holds_alternative<tasks::TableInput>(kind);
  if (is_row(model, root)) return row_of(model, root);
  array inputs;
  if (need(root, "inputs", "the body").get(inputs)) refuse("'inputs' must be a list");
  if (std::holds_alternative<tasks::ImageInput>(kind)) return pictures(inputs_of(model)[0], inputs, tensors, most);
  Examples out = table ? rows(model, inputs, tensors, most) : texts(model, inputs, tensors, most);
  if (!tensors.empty()) refuse("{} bytes are left behind the inputs", tensors.size());
  return out;
}

Examples read_pixels(const ServedModel& model, std::string_view body, int64_t most) {
  if (!std::holds_alternative<tasks::ImageInput>(model.model().input))
    refuse("the model takes {}: Inference-Header-Content-Length: 0 is for pictures alone",
           kind_of(model.model().input));
  const auto size = static_cast<size_t>(tasks::shape_of(model.model().input).numel());
  if (body.empty() || body.size() % size != 0)
    refuse("the body has {} bytes, expected a multiple of {}: UINT8 {}", body.size(), size,
           shape_text(inputs_of(model)[0].shape));
  const auto examples = static_cast<int64_t>(body.size() / size);
  if (examples > most)
    throw Refused(413, fmt::format("{} examples in a request, at most {} are taken", examples, most));
  return {examples, unpack(body, true)};
}

Examples read_row(const ServedModel& model, std::string_view body) {
  const Json parsed(body);
  return row_of(model, object_of(parsed.root, "a row"));
}

}  // namespace tandem::deploy
