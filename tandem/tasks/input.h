// How raw examples become a network's input: fitted on the training part, the same in training and in service. A kind
// of examples is one alternative of Input; all that differs between kinds is asked here.
#pragma once
#include <tandem/tasks/image_input.h>
#include <tandem/tasks/mixing.h>
#include <tandem/tasks/table_input.h>
#include <tandem/tasks/text_input.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tandem::tasks {

/// What a network is given. Sequences stand one after another, a row a token: `lengths` says where each ends
/// (nn::Pass::lengths); empty when the rows are the examples.
struct Batch {
  Tensor x;
  std::vector<int64_t> lengths = {};
};

/// What training changes at random in its examples.
struct Augmentation {
  data::Augment image = {};   // of tables its noise alone, where 1 is a column's standard deviation
  double words = 0;           // share of a text's tokens that is left out
  MixingOptions mixing = {};  // of pictures and tables: two examples made one
  void fields(Fields& f);
};

using Input = std::variant<ImageInput, TextInput, TableInput>;

/// The name of a recipe's task for this kind of input: "image_classification", "table_classification".
[[nodiscard]] std::string task_of(const Input& input);
/// An input of that task, not fitted yet. Throws a data error naming `where` for another name.
[[nodiscard]] Input input_for(const std::string& task, const std::string& where);

/// One row as the network's first layer sees it, for Module::build.
[[nodiscard]] Shape shape_of(const Input& input);
/// How many different ids it gives; 0 for numbers.
[[nodiscard]] int64_t vocabulary_of(const Input& input);
/// Examples `indices` of `set`; each changed by `augmentation` with the stream rng.split(index), and none mixed with
/// another. Throws a usage error when the set holds another kind, a data error when its examples do not fit.
[[nodiscard]] Batch batch_of(const Input& input, const data::Dataset& set, std::span<const int64_t> indices,
                             const Augmentation& augmentation, const Rng& rng);

/// For the model file: settings as text, larger things as tensors.
[[nodiscard]] Config write(const Input& input);
[[nodiscard]] std::vector<std::pair<std::string, Tensor>> tensors_of(const Input& input);
/// Takes its own tensors out of a file's. Throws when the settings cannot be, or a tensor is missing.
void read(Input& input, const Config& config, std::vector<std::pair<std::string, Tensor>>& tensors,
          const std::string& where);

}  // namespace tandem::tasks
