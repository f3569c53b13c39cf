#include <tandem/base/protobuf.h>
#include <tandem/deploy/onnx/graph.h>

#include <algorithm>

namespace tandem::deploy::onnx {

using protobuf::Message;
namespace {

constexpr int64_t ir_version = 8;  // of files with opset 17
constexpr size_t most_bytes = (size_t{1} << 31) - 1;
constexpr const char* classic = "ai.onnx.ml";  // operators for words
constexpr int64_t classic_opset = 3;

const char* name_of(Type type) {
  switch (type) {
    case Type::f32: return "float32";
    case Type::u8: return "uint8";
    case Type::i32: return "int32";
    case Type::i64: return "int64";
    case Type::text: return "string";
    case Type::boolean: return "bool";
    case Type::f64: return "float64";
  }
  return "?";
}

Type type_of(const std::string& name, DType type) {
  switch (type) {
    case DType::f32: return Type::f32;
    case DType::f64: return Type::f64;
    case DType::i32: return Type::i32;
    case DType::i64: return Type::i64;
    case DType::u8: return Type::u8;
    case DType::i8:
    case DType::bf16: break;
  }
  fail("onnx", "tensor '{}' is stored as {}, which no graph of ours holds", name, name_of(type));
}

// Fields as onnx/onnx.proto numbers them.
Message attribute(const std::string& name, const Attribute& value) {
  Message out;
  out.text(1, name);
  const auto typed = [&](int64_t type) { out.number(20, type); };
  if (const auto* f = std::get_if<float>(&value)) out.real(2, *f), typed(1);
  if (const auto* i = std::get_if<int64_t>(&value)) out.number(3, *i), typed(2);
  if (const auto* s = std::get_if<std::string>(&value)) out.text(4, *s), typed(3);
  if (const auto* list = std::get_if<std::vector<float>>(&value)) {
    for (const float f : *list) out.real(7, f);
    typed(6);
  }
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    for (const int64_t i : *list) out.number(8, i);
    typed(7);
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& s : *list) out.text(9, s);
    typed(8);
  }
  return out;
}

Message tensor_message(const std::string& name, const Tensor& t) {
  Message out;
  for (const int64_t size : t.shape()) out.number(1, size);
  out.number(2, static_cast<int64_t>(type_of(name, t.dtype()))).text(8, name);
  return out.text(9, {static_cast<const char*>(t.bytes()), t.byte_count()});  // little-endian, as memory is
}

Message port_message(const Port& port) {
  Message shape;
  for (const Axis& axis : port.axes) {
    Message dim;
    if (const auto* size = std::get_if<int64_t>(&axis))
      dim.number(1, *size);
    else
      dim.text(2, std::get<std::string>(axis));
    shape.part(1, dim);
  }
  Message tensor, type, out;
  tensor.number(1, static_cast<int64_t>(port.type)).part(2, shape);
  type.part(1, tensor);
  return out.text(1, port.name).part(2, type);
}

}  // namespace

std::string Port::text() const {
  std::string shape;
  for (const Axis& axis : axes) {
    const auto* size = std::get_if<int64_t>(&axis);
    shape += (shape.empty() ? "" : ", ") + (size ? std::to_string(*size) : std::get<std::string>(axis));
  }
  return fmt::format("{}  {} ({})", name, name_of(type), shape);
}

std::string Graph::unused(const std::string& name) {
  std::string out = name;
  for (int64_t n = 2; !names_.insert(out).second; ++n) out = fmt::format("{}_{}", name, n);
  return out;
}

Value Graph::input(const std::string& name, Type type, const std::vector<Axis>& axes) {
  if (std::ranges::find(inputs_, name, &Port::name) != inputs_.end()) return name;
  if (!names_.insert(name).second)
    fail("onnx", "two values of the graph would be called '{}': rename that column of the table", name);
  inputs_.push_back({name, type, axes});
  return name;
}

void Graph::output(const std::string& name, Type type, const std::vector<Axis>& axes, const Value& value) {
  if (!names_.insert(name).second)
    fail("onnx", "two values of the graph would be called '{}': rename that column of the table", name);
  nodes_.push_back({unused(name + ".Identity"), "Identity", "", {value}, {name}, {}});
  outputs_.push_back({name, type, axes});
}

Value Graph::tensor(const std::string& name, const Tensor& values) {
  if (names_.insert(name).second) tensors_.emplace_back(name, values);
  return name;
}

Value Graph::number(float value) { return tensor(fmt::format("number {}", value), Tensor::full({}, double{value})); }

Value Graph::number(int64_t value) {
  return tensor(fmt::format("whole {}", value), Tensor::from(std::vector<int64_t>{value}, {}));
}

Value Graph::list(const std::vector<int64_t>& values) {
  return tensor(fmt::format("list {}", fmt::join(values, " ")), Tensor::from(values, {std::ssize(values)}));
}

std::vector<Value> Graph::add_several(size_t outputs, const std::string& at, const std::string& op,
                                      const std::vector<Value>& inputs, const Attributes& attributes,
                                      const std::string& domain) {
  const std::string name = unused(at + op);
  std::vector<Value> values{name};  // a node and its first output may share a name
  while (values.size() < outputs) values.push_back(unused(name + ".out"));
  nodes_.push_back({name, op, domain, inputs, values, attributes});
  return values;
}

Value Graph::add(const std::string& at, const std::string& op, const std::vector<Value>& inputs,
                 const Attributes& attributes, const std::string& domain) {
  return add_several(1, at, op, inputs, attributes, domain).front();
}

std::string Graph::bytes(const std::string& name, const std::string& version) const {
  size_t numbers = 0;
  for (const auto& [key, values] : tensors_) numbers += values.byte_count();
  if (numbers > most_bytes)
    fail("onnx", "the network's tensors take {} bytes, an ONNX file holds less than 2 GiB: train a smaller network",
         numbers);
  Message graph;
  for (const Node& node : nodes_) {
    Message out;
    for (const Value& value : node.inputs) out.text(1, value);
    for (const Value& value : node.outputs) out.text(2, value);
    out.text(3, node.name).text(4, node.op);
    for (const auto& [key, value] : node.attributes) out.part(5, attribute(key, value));
    if (!node.domain.empty()) out.text(7, node.domain);
    graph.part(1, out);
  }
  graph.text(2, name);
  for (const auto& [key, values] : tensors_) graph.part(5, tensor_message(key, values));
  for (const Port& port : inputs_) graph.part(11, port_message(port));
  for (const Port& port : outputs_) graph.part(12, port_message(port));

  Message model;
  model.number(1, ir_version).text(2, "tandem").text(3, version).part(7, graph);
  model.part(8, Message().text(1, "").number(2, opset));
  if (std::ranges::any_of(nodes_, [](const Node& node) { return node.domain == classic; }))
    model.part(8, Message().text(1, classic).number(2, classic_opset));
  for (const auto& [key, value] : notes_) model.part(14, Message().text(1, key).text(2, value));
  if (model.bytes().size() > most_bytes)
    fail("onnx", "the file would have {} bytes, the format holds less than 2 GiB: train a smaller network",
         model.bytes().size());
  return model.bytes();
}

}  // namespace tandem::deploy::onnx
