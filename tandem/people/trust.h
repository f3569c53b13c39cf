// Whom to believe: the answers of several people, weighed against each other and against what the network thinks.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tandem::people {

/// A person says that an item belongs to a class. All three count from 0.
struct Answer {
  int64_t item = 0, person = 0;
  int32_t label = 0;
};

struct TrustOptions {
  double right = 29,
         wrong = 1;    // a person starts as if so many answers had been seen to be right and wrong (Beta prior)
  double benefit = 2;  // the odds at which one answer of a new person stands against a network that is sure
  int64_t rounds = 100;
};

struct Trust {
  std::vector<double> items;    // (items, classes): probability of each class
  std::vector<double> answers;  // that this answer is right, judged by all of it
  std::vector<double> people;   // reliability: the share of right answers
};

/// The one-coin model of Dawid and Skene 1979 by expectation maximisation, with a classifier's probabilities (items,
/// classes) as what is known before anybody speaks (Raykar et al. 2010): a person is right with their reliability,
/// otherwise any other class is as likely. The network never counts as surer than `benefit` says, so that one person
/// can correct a network that is sure and wrong; who contradicts sure answers again and again without support by
/// others or by the network loses trust. A person's reliability on an item is judged by their other answers.
[[nodiscard]] Trust weigh(std::span<const float> network, int64_t classes, std::span<const Answer> answers,
                          const TrustOptions& options = {});

}  // namespace tandem::people
