// Files of ONNX read back: what a graph says of itself, and what ONNX Runtime makes of it.
#pragma once
#include <tandem/base/protobuf.h>
#include <tandem/tensor/tensor.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "tests/python.h"

namespace tandem::testing {

/// A file's graph, read from its bytes. Fields by their numbers in onnx/onnx.proto.
struct ReadGraph {
  std::vector<std::string> ops, inputs, outputs;  // ops in order, "domain:op" outside the standard domain
  std::map<std::string, std::vector<int64_t>> tensors;
  std::map<std::string, std::string> notes;
  std::map<std::string, int64_t> opsets;
};

/// Reads a graph and checks what any reader relies on: each value is made once and before it is used, each tensor has
/// as many bytes as its shape asks for, every output is made.
inline ReadGraph read_graph(const std::string& bytes) {
  using protobuf::Field;
  const auto fields = [](std::string_view message) { return protobuf::fields_of(message, "the graph"); };
  const auto text = [&](std::string_view message, int number) {
    std::string out;
    for (const Field& f : fields(message))
      if (f.field == number) out = f.bytes;
    return out;
  };
  const std::map<uint64_t, size_t> sizes{{1, 4}, {2, 1}, {6, 4}, {7, 8}, {11, 8}};
  ReadGraph out;
  std::set<std::string> made;
  std::string graph;
  for (const Field& f : fields(bytes)) {
    if (f.field == 1) {
      EXPECT_EQ(f.number, 8U) << "the version of files with opset 17";
    }
    if (f.field == 7) graph = f.bytes;
    if (f.field == 14) out.notes[text(f.bytes, 1)] = text(f.bytes, 2);
    if (f.field != 8) continue;
    for (const Field& part : fields(f.bytes))
      if (part.field == 2) out.opsets[text(f.bytes, 1)] = static_cast<int64_t>(part.number);
  }
  for (const Field& f : fields(graph)) {
    if (f.field == 11) {
      out.inputs.push_back(text(f.bytes, 1));
      EXPECT_TRUE(made.insert(out.inputs.back()).second) << out.inputs.back();
    }
    if (f.field == 12) out.outputs.push_back(text(f.bytes, 1));
    if (f.field != 5) continue;
    size_t wanted = 0, held = 0;
    std::vector<int64_t> shape;
    for (const Field& part : fields(f.bytes)) {
      if (part.field == 1) shape.push_back(static_cast<int64_t>(part.number));
      if (part.field == 2) wanted = sizes.at(part.number);
      if (part.field == 9) held = part.bytes.size();
    }
    for (const int64_t size : shape) wanted *= static_cast<size_t>(size);
    const std::string name = text(f.bytes, 8);
    EXPECT_EQ(held, wanted) << name;
    EXPECT_TRUE(made.insert(name).second) << name << " is there twice";
    out.tensors[name] = shape;
  }
  for (const Field& f : fields(graph)) {
    if (f.field != 1) continue;
    const std::string domain = text(f.bytes, 7), op = text(f.bytes, 4);
    out.ops.push_back(domain.empty() ? op : domain + ":" + op);
    EXPECT_TRUE(out.opsets.contains(domain)) << domain;
    for (const Field& part : fields(f.bytes)) {
      const std::string value(part.bytes);
      if (part.field == 1 && !value.empty()) {
        EXPECT_TRUE(made.contains(value)) << value << " is used before it is made";
      }
      if (part.field == 2) {  // outputs stand behind all inputs
        EXPECT_TRUE(made.insert(value).second) << value << " is made twice";
      }
    }
  }
  for (const std::string& name : out.outputs) EXPECT_TRUE(made.contains(name)) << name;
  return out;
}

inline std::optional<fs::path> python_with_onnx() { return python_with("onnx, onnxruntime"); }

/// A file and what goes into it.
struct OnnxCase {
  std::string bytes;
  nlohmann::json inputs;
};

/// An input for the script.
inline nlohmann::json onnx_input(const std::string& type, const std::vector<int64_t>& shape,
                                 const nlohmann::json& data) {
  return {{"type", type}, {"shape", shape}, {"data", data}};
}
inline nlohmann::json onnx_input(const Tensor& t) {
  nlohmann::json data = nlohmann::json::array();
  for (int64_t i = 0; i < t.numel(); ++i) data.push_back(t.at(i));
  return onnx_input(std::string(name_of(t.dtype())), {t.shape().begin(), t.shape().end()}, data);
}

/// What ONNX Runtime says of each.
inline nlohmann::json run_onnx(const fs::path& python, const std::vector<OnnxCase>& cases) {
  const Folder folder;
  nlohmann::json list = nlohmann::json::array();
  for (size_t i = 0; i < cases.size(); ++i) {
    const fs::path file = folder / fmt::format("{}.onnx", i);
    write_text(file, cases[i].bytes);
    list.push_back({{"model", file.string()}, {"inputs", cases[i].inputs}});
  }
  folder.write("cases.json", list.dump());
  const Said said =
      Program(folder.path(), {TANDEM_SOURCE_DIR "/tests/deploy/onnx_runtime.py", "cases.json", "answers.json"}, {},
              "/dev/null", python)
          .wait();
  if (said.code != 0) throw std::runtime_error(said.err);
  return nlohmann::json::parse(read_text(folder / "answers.json"));
}

/// An output of an answer, within 1e-5 of `expected` (relative where that is above 1).
inline void expect_output(const nlohmann::json& answer, const std::string& name, const std::vector<float>& expected) {
  ASSERT_FALSE(answer.contains("error")) << answer["error"];
  const auto data = answer["outputs"][name]["data"].get<std::vector<double>>();
  ASSERT_EQ(data.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < data.size(); ++i) {
    const auto wanted = static_cast<double>(expected[i]);
    const double difference = std::abs(data[i] - wanted) / std::max(1.0, std::abs(wanted));
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  EXPECT_LE(worst, 1e-5);
}

}  // namespace tandem::testing
