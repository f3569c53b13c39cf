// Learning from corrections: a small update that is tested before it goes live.
#pragma once
#include <tandem/people/memory.h>
#include <tandem/people/store.h>
#include <tandem/people/trust.h>

namespace tandem::people {

struct LearnOptions {
  int64_t steps = 100;
  int64_t batch = 64;     // a quarter of it corrections, the rest replayed training examples
  double lr = 5e-4;       // Adam; falls to 0 over the steps
  int64_t attempts = 3;   // each at a third of the rate before, until one is better
  double allowed = 5e-3;  // share of the examples held back that may be lost against the best so far
  int64_t folds = 3;      // for judging corrections by networks that did not learn from them
  TrustOptions trust = {};
  tasks::Augmentation augmentation = {};  // as in training
  uint64_t seed = 1;
};

/// What people said: examples as the network takes them (labels are not looked at), and answers about them.
struct Lesson {
  data::Dataset examples;
  std::vector<Answer> answers;  // one a person and example; items index `examples`
};

struct Learned {
  tasks::Classifier model;  // the updated network; only worth keeping when `better`
  Trust trust;
  std::vector<int64_t> believed;                   // items of the lesson it learned from
  int64_t known_before = 0, known_after = 0;       // of these, how many it gets right
  double accuracy_before = 0, accuracy_after = 0;  // on the examples held back
  double asked = 0;                                // the least accuracy there that is `better`
  bool better = false;
  Outcome outcome = Outcome::none_believed;
};

/// Weighs the answers: the network's opinion of an example comes from copies that learned from the others only
/// (cross-validation), so that corrections which agree support each other. Then updates a copy of `live` on those that
/// are more likely right than not, mixed with replayed examples, and measures it on the examples held back: it is
/// `better` when it knows more of the corrections and lost at most options.allowed there against `best` (the accuracy
/// of the best version so far; 0: of `live`). Batch statistics stay as they are. `live` is not changed.
[[nodiscard]] Learned learn(const tasks::Classifier& live, const Lesson& lesson, const Memory& memory, double best = 0,
                            const LearnOptions& options = {});

/// The same for a run: takes all corrections of its store whose inputs were kept, keeps the outcome there, and makes
/// a better network the live version. Nothing to learn gives an Update with id 0. A second process waits for the first.
Update learn(const train::RunFolder& run, const fs::path& data_folder, LearnOptions options = {});

/// The store of a run: RUN/people.sqlite.
[[nodiscard]] fs::path store_path(const train::RunFolder& run);

}  // namespace tandem::people
