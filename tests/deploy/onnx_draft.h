// Small ONNX graphs of one picture, to be read as networks.
#pragma once
#include <tandem/base/protobuf.h>
#include <tandem/deploy/onnx/graph.h>
#include <tandem/deploy/onnx/import.h>

#include <utility>

#include "tests/testing.h"

namespace tandem::testing {

/// A graph of one picture, to which nodes are added.
struct Draft {
  deploy::onnx::Graph graph;
  deploy::onnx::Value at;
  std::string more;  // fields of the graph that Graph does not write

  explicit Draft(const std::vector<deploy::onnx::Axis>& axes = {"batch", 1, 4, 4},
                 deploy::onnx::Type type = deploy::onnx::Type::f32)
      : at(graph.input("x", type, axes)) {}
  Draft& add(const std::string& op, const std::vector<deploy::onnx::Value>& others = {},
             const deploy::onnx::Attributes& attributes = {}) {
    std::vector<deploy::onnx::Value> inputs{at};
    inputs.insert(inputs.end(), others.begin(), others.end());
    at = graph.add("", op, inputs, attributes);
    return *this;
  }
  deploy::onnx::Value tensor(const std::string& name, const Shape& shape) {
    return graph.tensor(name, Tensor::full(shape, 0.5));
  }
  /// A node whose values may have names that are there already.
  Draft& node(const std::string& op, const std::vector<deploy::onnx::Value>& inputs,
              const std::vector<deploy::onnx::Value>& outputs) {
    protobuf::Message node, field;
    for (const auto& value : inputs) node.text(1, value);
    for (const auto& value : outputs) node.text(2, value);
    more += field.part(1, node.text(4, op)).bytes();
    return *this;
  }
  /// The file, whose answer is the value `at`.
  [[nodiscard]] std::string bytes() {
    graph.output("y", deploy::onnx::Type::f32, {"batch", 2}, at);
    const std::string file = graph.bytes("draft", "1");
    if (more.empty()) return file;
    std::string all;
    for (const auto& field : protobuf::fields_of(file, "draft"))
      if (field.field == 7) all = field.bytes;
    return file + protobuf::Message().text(7, all + more).bytes();  // the last graph of a file counts
  }
  tasks::Classifier read(const deploy::onnx::ImportOptions& options = {}) {
    return deploy::onnx::classifier_of(bytes(), "draft.onnx", options);
  }
};

/// The graph that `draw` makes of a Draft must be refused.
template <class Draw>
void expect_refused(const std::vector<std::string>& parts, Draw&& draw, ErrorKind kind = ErrorKind::data,
                    const deploy::onnx::ImportOptions& options = {}) {
  expect_error(kind, parts, [&] {
    Draft draft;
    draw(draft);
    (void)draft.read(options);
  });
}

}  // namespace tandem::testing
