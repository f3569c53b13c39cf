// Why a network of texts gave an answer: what each word adds to it.
#pragma once
#include <tandem/people/attribution.h>
#include <tandem/tasks/classifier.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::people {

/// "gradient_input", "integrated_gradients", "smooth_grad", "occlusion", "shapley", "attention".
[[nodiscard]] const std::vector<std::string>& text_methods();

struct TextOptions {
  std::string method = "integrated_gradients";
  int64_t target = -1;   // the class that is explained; -1: the answer
  int64_t samples = 32;  // smooth_grad: noisy copies; shapley: permutations, for more than 8 words
  uint64_t seed = 1;     // smooth_grad, shapley
};

/// What was explained is the output of the target's unit before softmax, as for pictures; the text is compared to one
/// whose words' vectors are all zero.
struct TextExplanation {
  std::string method;
  int32_t target = 0;
  /// A word, a character or a subword, as the tokenizer cuts; what the network was not shown (blanks, and what a limit
  /// cut off) is in none.
  struct Part {
    std::string text = {};      // as it stands in the input
    size_t begin = 0, end = 0;  // bytes of the input
    double adds = 0;            // attention: its share, at least 0, whatever the target
  };
  std::vector<Part> parts = {};  // in order, none over another
  double output = 0;             // of the target's unit
  double baseline_output = 0;    // the same where all vectors are zero
  /// For methods that promise that the parts sum to output - baseline_output: how far they are off, as a share of it.
  /// NaN for the others.
  double gap = 0;
};

/// Explains UTF-8 text. Gradients are taken at the vectors of the tokens; a token of several words (n-grams) spreads
/// its value evenly over them. occlusion and shapley read the text without some of its words; attention is rollout
/// (Abnar and Zuidema 2020). Throws a usage error for a model of something else, one whose first layer does not give a
/// vector a token, attention without such a layer, an unknown method or class; a data error for a text without words.
/// Same numbers for any number of threads.
[[nodiscard]] TextExplanation explain_text(const tasks::Classifier& model, const std::string& text,
                                           const TextOptions& options = {});

/// The target's output when the network reads only some of a text's words (the parts of explain_text, in order); of
/// none: its baseline_output.
[[nodiscard]] SetFunction worth_of_words(const tasks::Classifier& model, const std::string& text, int32_t target);

/// What an explanation's order of words is worth: they are taken away (deletion), or given to an empty text
/// (insertion), those with the largest `adds` first.
[[nodiscard]] Faithfulness faithfulness(const SetFunction& worth, std::span<const int64_t> ranking, int64_t steps = 20);
[[nodiscard]] std::vector<int64_t> ranking_of(const TextExplanation& explanation);

}  // namespace tandem::people
