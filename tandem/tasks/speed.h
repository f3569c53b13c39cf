// How fast a network predicts on this machine.
#pragma once
#include <tandem/tasks/classifier.h>
#include <tandem/tasks/language_model.h>

namespace tandem::tasks {

/// Examples a second, of a language model tokens: the best of several runs, on the threads in use.
struct Speed {
  int64_t batch = 0;  // examples that go through the network together; tokens of one text
  double batched = 0, one_by_one = 0;
};
/// From the numbers to probabilities, all views of a picture included; reading the example itself is not in it. Texts
/// are of 32 tokens. Takes about half a second.
[[nodiscard]] Speed speed_of(const Classifier& model);
/// Reading a text, and going on token by token as writing does.
[[nodiscard]] Speed speed_of(const LanguageModel& model);

}  // namespace tandem::tasks
