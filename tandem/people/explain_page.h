// Explanations of texts as one HTML page that needs nothing else.
#pragma once
#include <tandem/people/explain_text.h>

#include <span>
#include <string>

namespace tandem::people {

/// A text with its answer and why.
struct ExplainedText {
  std::string text = {};
  std::string answer = {}, target = {};  // names of classes
  double probability = 0;                // of the answer
  TextExplanation why;
};

/// How strongly a part is coloured: 0 … 1, the strongest of its text being 1.
[[nodiscard]] double strength_of(const TextExplanation::Part& part, const TextExplanation& of);

/// Blue speaks for the class, orange against it; underlined too, so that it can be told without colour.
[[nodiscard]] std::string explanation_page(std::span<const ExplainedText> texts);

}  // namespace tandem::people
