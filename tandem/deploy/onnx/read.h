// ONNX files as they are read: nodes, tensors, inputs and outputs, before anything is made of them.
#pragma once
#include <tandem/deploy/onnx/graph.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::deploy::onnx {

struct ReadNode {
  std::string name, op;
  std::vector<Value> inputs, outputs;
  std::map<std::string, Attribute> attributes;  // numbers, lists of them and texts
  /// The value of an attribute, or `other` where the file leaves it out.
  template <class T>
  [[nodiscard]] T get(const std::string& key, const T& other) const {
    const auto found = attributes.find(key);
    const T* value = found == attributes.end() ? nullptr : std::get_if<T>(&found->second);
    return value ? *value : other;
  }
};

struct ReadModel {
  std::vector<ReadNode> nodes;
  std::map<Value, Tensor> tensors;  // float32, float64, int32, int64 and uint8; constants among them
  std::vector<Port> inputs;         // without those that are tensors; sizes that are open are names
  std::vector<Value> outputs;
  std::map<std::string, std::string> notes;
};

/// Throws a data error naming `where` for bytes that are no ONNX file, and for tensors that do not hold what they say
/// or lie in files of their own.
[[nodiscard]] ReadModel parse(std::string_view bytes, const std::string& where);

}  // namespace tandem::deploy::onnx
