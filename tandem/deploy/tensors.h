// The inputs of the Open Inference Protocol as examples: what a model of each kind takes, by name and type, in JSON and
// in binary.
#pragma once
#include <tandem/deploy/json.h>
#include <tandem/deploy/served_model.h>

#include <string_view>
#include <vector>

namespace tandem::deploy {

/// An input of a model. shape: (-1, h, w, c) for pictures, (-1) otherwise.
struct InputKind {
  std::string name;
  const char* datatype;
  std::vector<int64_t> shape;
};
[[nodiscard]] std::vector<InputKind> inputs_of(const ServedModel& model);

/// Whether JSON is a row itself: an object without 'inputs', for a model of tables.
[[nodiscard]] bool is_row(const ServedModel& model, const simdjson::dom::object& root);

/// `root`: a request's JSON, or a row; `tensors`: the bytes behind it.
/// Throws Refused: 400 for what does not fit the protocol or the model, 413 for more than `most` examples.
[[nodiscard]] Examples read_inputs(const ServedModel& model, const simdjson::dom::object& root,
                                   std::string_view tensors, int64_t most);
/// A body that is one UINT8 tensor of pictures and nothing else.
[[nodiscard]] Examples read_pixels(const ServedModel& model, std::string_view body, int64_t most);
/// A row as a JSON object: each column with its value, null where missing.
[[nodiscard]] Examples read_row(const ServedModel& model, std::string_view body);

}  // namespace tandem::deploy
