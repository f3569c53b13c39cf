// An ONNX graph as it grows: inputs, tensors, nodes, outputs; and the file that holds it.
#pragma once
#include <tandem/tensor/tensor.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tandem::deploy::onnx {

/// The set of operators that files are written for: the first with LayerNormalization, and the one that most runtimes
/// read.
constexpr int64_t opset = 17;

/// Element types by ONNX's numbers.
enum class Type : uint8_t { f32 = 1, u8 = 2, i32 = 6, i64 = 7, text = 8, boolean = 9, f64 = 11 };

/// A value of the graph, by its name; "" leaves an optional input out.
using Value = std::string;
/// An axis of an input or output: a size, or a name for one that each call chooses.
using Axis = std::variant<int64_t, std::string>;
using Attribute =
    std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, std::vector<std::string>>;
using Attributes = std::vector<std::pair<std::string, Attribute>>;

/// What goes in or comes out.
struct Port {
  std::string name;
  Type type = Type::f32;
  std::vector<Axis> axes;
  [[nodiscard]] std::string text() const;  // "image  uint8 (batch, 28, 28, 1)"
};

class Graph {
 public:
  /// Declares an input; once is enough, more often is fine.
  Value input(const std::string& name, Type type, const std::vector<Axis>& axes);
  /// Makes a value an output of this name.
  void output(const std::string& name, Type type, const std::vector<Axis>& axes, const Value& value);
  /// A tensor of the file; of a name that is there already, that one. Values are shared, not copied.
  Value tensor(const std::string& name, const Tensor& values);
  /// Small constants, named after what they are: a number (no axes), or a list (one axis).
  Value number(float value);
  Value number(int64_t value);
  Value list(const std::vector<int64_t>& values);
  /// A node with one output or several; their names begin with `at`.
  Value add(const std::string& at, const std::string& op, const std::vector<Value>& inputs,
            const Attributes& attributes = {}, const std::string& domain = "");
  std::vector<Value> add_several(size_t outputs, const std::string& at, const std::string& op,
                                 const std::vector<Value>& inputs, const Attributes& attributes = {},
                                 const std::string& domain = "");
  /// A fact about the model, for people and programs.
  void note(const std::string& key, const std::string& value) { notes_[key] = value; }

  [[nodiscard]] const std::vector<Port>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<Port>& outputs() const { return outputs_; }

  /// The file. Throws a usage error when it would be larger than Protocol Buffers allow, 2 GiB.
  [[nodiscard]] std::string bytes(const std::string& name, const std::string& version) const;

 private:
  struct Node {
    std::string name, op, domain;
    std::vector<Value> inputs, outputs;
    Attributes attributes;
  };
  [[nodiscard]] std::string unused(const std::string& name);

  std::vector<Port> inputs_, outputs_;
  std::vector<std::pair<std::string, Tensor>> tensors_;
  std::vector<Node> nodes_;
  std::set<std::string> names_;  // of tensors and values
  std::map<std::string, std::string> notes_;
};

}  // namespace tandem::deploy::onnx
