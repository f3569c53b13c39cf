#include <tandem/base/protobuf.h>
#include <tandem/deploy/onnx/read.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace tandem::deploy::onnx {

using protobuf::Field;
using protobuf::fields_of;
using protobuf::packed_numbers;

namespace {

// Reads the parts of one file; fields as onnx/onnx.proto numbers them.
class Parser {
 public:
  explicit Parser(const std::string& where) : where_(where) {}

  ReadModel model(std::string_view bytes) {
    std::string_view graph;
    for (const Field& f : fields(bytes)) {
      if (f.field == 7) graph = f.bytes;
      if (f.field == 14) note(f.bytes);
    }
    if (graph.empty()) fail(ErrorKind::data, where_, "holds no graph: it is no ONNX file, or an empty one");
    std::vector<Port> inputs;
    for (const Field& f : fields(graph)) {
      if (f.field == 1) node(f.bytes);
      if (f.field == 5) tensor(f.bytes);
      if (f.field == 11) inputs.push_back(port(f.bytes));
      if (f.field == 12) out_.outputs.push_back(port(f.bytes).name);
    }
    for (Port& port : inputs)  // older files name their tensors among the inputs
      if (!out_.tensors.contains(port.name)) out_.inputs.push_back(std::move(port));
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::vector<Field> fields(std::string_view bytes) const { return fields_of(bytes, where_); }

  void note(std::string_view bytes) {
    std::string key, value;
    for (const Field& f : fields(bytes)) (f.field == 1 ? key : value) = f.bytes;
    out_.notes[key] = value;
  }

  void node(std::string_view bytes) {
    ReadNode node;
    for (const Field& f : fields(bytes)) {
      if (f.field == 1) node.inputs.emplace_back(f.bytes);
      if (f.field == 2) node.outputs.emplace_back(f.bytes);
      if (f.field == 3) node.name = f.bytes;
      if (f.field == 4) node.op = f.bytes;
      if (f.field == 5) attribute(f.bytes, node);
    }
    if (node.op == "Constant" && !node.outputs.empty() && constant_) out_.tensors[node.outputs[0]] = *constant_;
    constant_.reset();
    if (node.name.empty() && !node.outputs.empty()) node.name = node.outputs[0];
    if (node.op != "Constant") out_.nodes.push_back(std::move(node));
  }

  void attribute(std::string_view bytes, ReadNode& node) {
    std::string name;
    std::optional<Attribute> value;
    std::vector<float> reals;
    std::vector<int64_t> wholes;
    for (const Field& f : fields(bytes)) {
      if (f.field == 1) name = f.bytes;
      if (f.field == 2) value = std::bit_cast<float>(static_cast<uint32_t>(f.number));
      if (f.field == 3) value = static_cast<int64_t>(f.number);
      if (f.field == 4) value = std::string(f.bytes);
      if (f.field == 5) constant_ = values_of(f.bytes).second;
      if (f.field == 7) append(f, reals);
      if (f.field == 8) append(f, wholes);
    }
    if (!reals.empty()) value = reals;
    if (!wholes.empty()) value = wholes;
    if (value) node.attributes[name] = *value;
    if (const auto* list = std::get_if<std::vector<int64_t>>(value ? &*value : nullptr); list && name == "value_ints")
      constant_ = Tensor::from(*list, {std::ssize(*list)});
  }

  // Lists stand in one field each number, or packed in one.
  void append(const Field& f, std::vector<int64_t>& into) const {
    if (f.bytes.empty())
      into.push_back(static_cast<int64_t>(f.number));
    else
      for (const int64_t value : packed_numbers(f.bytes, where_)) into.push_back(value);
  }
  static void append(const Field& f, std::vector<float>& into) {
    if (f.bytes.empty()) into.push_back(std::bit_cast<float>(static_cast<uint32_t>(f.number)));
    for (size_t at = 0; at + 4 <= f.bytes.size(); at += 4) {
      into.emplace_back();
      std::memcpy(&into.back(), f.bytes.data() + at, 4);
    }
  }

  void tensor(std::string_view bytes) {
    auto [name, values] = values_of(bytes);
    out_.tensors[name] = std::move(values);
  }

  // A tensor's name and values; of types that no layer reads, none.
  std::pair<std::string, Tensor> values_of(std::string_view bytes) const {
    std::string name;
    std::vector<int64_t> sizes, wholes;
    std::vector<float> reals;
    std::string_view raw;
    uint64_t type = 0;
    for (const Field& f : fields(bytes)) {
      if (f.field == 1) append(f, sizes);
      if (f.field == 2) type = f.number;
      if (f.field == 4) append(f, reals);
      if (f.field == 5 || f.field == 7) append(f, wholes);
      if (f.field == 8) name = f.bytes;
      if (f.field == 9) raw = f.bytes;
      if (f.field == 13)
        fail(ErrorKind::data, where_, "tensor '{}' lies in a file of its own: write the model as one file", name);
    }
    const auto known = [&]() -> std::optional<DType> {
      switch (type) {
        case static_cast<uint64_t>(Type::f32): return DType::f32;
        case static_cast<uint64_t>(Type::f64): return DType::f64;
        case static_cast<uint64_t>(Type::i32): return DType::i32;
        case static_cast<uint64_t>(Type::i64): return DType::i64;
        case static_cast<uint64_t>(Type::u8): return DType::u8;
        default: return std::nullopt;
      }
    }();
    if (!known) return {name, Tensor{}};
    const size_t held = !raw.empty() ? raw.size() / size_of(*known) : std::max(reals.size(), wholes.size());
    size_t wanted = 1;
    for (const int64_t size : sizes) {  // no product that could overflow
      if (size < 0 || (size > 0 && wanted > held / static_cast<size_t>(size)) || sizes.size() > Shape::max_rank)
        differs(name, held);
      wanted *= static_cast<size_t>(size);
    }
    if (wanted != held || raw.size() % size_of(*known) != 0) differs(name, held);
    const Tensor out = Tensor::empty(Shape(std::span<const int64_t>(sizes)), *known);
    if (!raw.empty()) {
      std::memcpy(out.bytes(), raw.data(), raw.size());
    } else if (!reals.empty() && *known == DType::f32) {
      std::ranges::copy(reals, out.data<float>().begin());
    } else if (!wholes.empty() && *known == DType::i64) {
      std::ranges::copy(wholes, out.data<int64_t>().begin());
    } else if (held > 0) {
      differs(name, 0);
    }
    return {name, out};
  }
  [[noreturn]] void differs(const std::string& name, size_t held) const {
    fail(ErrorKind::data, where_, "tensor '{}' holds {} numbers, its shape asks for others: the file is damaged", name,
         held);
  }

  Port port(std::string_view bytes) const {
    Port out;
    std::string_view type, shape;
    for (const Field& f : fields(bytes)) {
      if (f.field == 1) out.name = f.bytes;
      if (f.field == 2) type = f.bytes;
    }
    for (const Field& kind : fields(type)) {
      if (kind.field != 1) continue;
      for (const Field& f : fields(kind.bytes)) {
        if (f.field == 1) out.type = static_cast<Type>(f.number);
        if (f.field == 2) shape = f.bytes;
      }
    }
    for (const Field& dim : fields(shape)) {
      Axis axis = std::string("?");
      for (const Field& f : fields(dim.bytes))
        if (f.field == 1)
          axis = static_cast<int64_t>(f.number);
        else if (f.field == 2)
          axis = std::string(f.bytes);
      out.axes.push_back(axis);
    }
    return out;
  }

  const std::string& where_;
  ReadModel out_;
  std::optional<Tensor> constant_;  // of the node that is read
};

}  // namespace

ReadModel parse(std::string_view bytes, const std::string& where) { return Parser(where).model(bytes); }

}  // namespace tandem::deploy::onnx
