// Examples as a request carries them to a network: pictures, texts or rows of a table.
#pragma once
#include <tandem/data/dataset.h>
#include <tandem/tasks/input.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace tandem::deploy {

using Pixels = std::vector<float>;  // (n, h, w, c), 0 … 255

/// Of one kind. Rows have the columns of the model that they were read for, in its order.
struct Examples {
  int64_t count = 0;
  std::variant<Pixels, data::Texts, data::Table> values{};

  /// The examples of another request to the same model, behind its own.
  void append(const Examples& more);
};

/// What an input takes, for people: "pictures", "texts", "rows of a table".
[[nodiscard]] const char* kind_of(const tasks::Input& input);
/// Whether who asks the one may ask the other: pictures of one shape, texts, or rows with the same columns.
[[nodiscard]] bool takes_the_same(const tasks::Input& a, const tasks::Input& b);
/// Something that any network with this input must be able to answer, and what it is: "a grey picture".
struct Sample {
  Examples examples;
  const char* what = "";
};
[[nodiscard]] Sample sample_for(const tasks::Input& input);

}  // namespace tandem::deploy
