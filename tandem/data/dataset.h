// What a data set is once it lies in memory: examples of one kind, with their classes.
#pragma once
#include <tandem/data/table.h>
#include <tandem/tensor/tensor.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace tandem::data {

/// UTF-8, one an example.
using Texts = std::vector<std::string>;

/// The raw examples: pictures as bytes N,H,W,C (C is 1 grey or 3 RGB), texts, or the rows of a table.
using Inputs = std::variant<Tensor, Texts, Table>;

/// Labelled examples: labels[i] indexes `classes`.
struct Dataset {
  Inputs inputs;
  std::vector<int32_t> labels;
  std::vector<std::string> classes;
  std::string source;                     // where it came from, for people
  std::vector<std::string> remarks = {};  // what someone should know before training on it

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(labels.size()); }
  [[nodiscard]] bool has_pictures() const { return std::holds_alternative<Tensor>(inputs); }
  [[nodiscard]] bool has_texts() const { return std::holds_alternative<Texts>(inputs); }
  [[nodiscard]] bool has_table() const { return std::holds_alternative<Table>(inputs); }
  /// The examples as what they are. Throw a usage error, naming the source, when they are of another kind.
  [[nodiscard]] const Tensor& pixels() const;
  [[nodiscard]] const Texts& texts() const;
  [[nodiscard]] const Table& table() const;
};

/// What the examples are, for people: "pictures", "texts", "rows of a table".
[[nodiscard]] const char* kind_of(const Inputs& inputs);

/// The three parts of a data set; `validation` may be empty until split() fills it.
struct Splits {
  Dataset train, validation, test;
};

/// The examples at `indices`, in that order.
[[nodiscard]] Dataset subset(const Dataset& set, std::span<const int64_t> indices);

/// The examples of `a`, then those of `b`, of the same kind, size and classes.
[[nodiscard]] Dataset joined(const Dataset& a, const Dataset& b);

/// Moves a seeded, stratified `fraction` of `set` into a second set: {rest, part}. Each class gives its share (rounded,
/// at least one example when it has two); throws when fraction is not in [0, 1) or a class is empty.
[[nodiscard]] std::pair<Dataset, Dataset> split(const Dataset& set, double fraction, uint64_t seed);

/// Keeps only the named classes, relabelled in the order given; throws with the nearest name for an unknown one.
[[nodiscard]] Dataset only_classes(const Dataset& set, const std::vector<std::string>& classes);

}  // namespace tandem::data
