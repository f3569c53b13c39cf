// An example as a store keeps it, and back: bytes of a media type that says of which kind it is.
#pragma once
#include <tandem/tasks/classifier.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::people {

/// image/png; text/plain; charset=utf-8; application/json: the columns that the network reads with their values as
/// text, null where missing.
struct Kept {
  std::string media_type = {};
  std::vector<uint8_t> bytes = {};
};

/// Throws a usage error when the set is of another kind than the input.
[[nodiscard]] Kept kept(const tasks::Input& input, const data::Dataset& set, int64_t index);

/// The example, alone in a set: a picture brought to the network's size, a row of the columns that the network reads.
/// None when it is of another kind than the network takes, or has not all of its columns. Throws a data error naming
/// `where` for bytes that are not what the type says.
[[nodiscard]] std::optional<data::Dataset> example_of(const tasks::Classifier& model, const Kept& kept,
                                                      const std::string& where);

}  // namespace tandem::people
