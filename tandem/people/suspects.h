// Labels that are probably wrong: confident learning (Northcutt, Jiang and Chuang 2021).
#pragma once
#include <tandem/train/recipe.h>
#include <tandem/train/trainer.h>

namespace tandem::people {

struct Suspect {
  int64_t index = 0;              // of the example
  int32_t given = 0, likely = 0;  // its label, and the class it probably is
  double given_probability = 0, likely_probability = 0;
};

/// From the probabilities (n, classes) of networks that did not learn from the example they judge. A class counts as
/// certain from the mean probability that examples labelled with it have for it. Counting the examples that are certain
/// to be of a class estimates how many with label i are really of class j (the calibrated confident joint). As many
/// with label i are suspects: those whose probability of j exceeds that of i the most (pruning by noise rate). The most
/// doubtful come first.
[[nodiscard]] std::vector<Suspect> suspects(std::span<const float> probabilities, int64_t classes,
                                            std::span<const int32_t> labels);

/// Probabilities (n, classes) of every example of `set` by a network that learned from the other folds: the recipe's
/// network, trained `folds` times without a validation part. Every fold holds its share of each class. hooks.stop ends
/// it: nothing is returned then.
[[nodiscard]] std::vector<float> cross_validated(const train::Recipe& recipe, const data::Dataset& set, int64_t folds,
                                                 const train::Hooks& hooks = {});

/// Changes `share` of the labels, drawn by seed, each to another class drawn at random; returns which. For measuring
/// how many of them are found.
[[nodiscard]] std::vector<int64_t> flip_labels(data::Dataset& set, double share, uint64_t seed);

}  // namespace tandem::people
