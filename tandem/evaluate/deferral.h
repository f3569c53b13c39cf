// How good a network is at saying what it does not know, and how well it and a person do together.
#pragma once
#include <tandem/evaluate/confidence.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tandem::evaluate {

/// What sets promised to hold the true class, and what they held.
struct SetScores {
  double promised = 0, covered = 0;
  Interval interval = {};  // of `covered`, 95 %
  double mean_size = 0;
  int64_t empty = 0, single = 0;  // sets of no class, of one
};

/// Accuracy of the answers when the network answers this share of all examples: those that it would defer last.
struct SharePoint {
  double share = 0, accuracy = 0;
};

/// Inputs that the network should not know, beside those that it should.
struct Strangers {
  std::string source;
  int64_t examples = 0;
  double auc = 0;         // of strangeness, telling them from the known ones
  double deferred = 0;    // share that is deferred, for whatever reason …
  double unfamiliar = 0;  // … and for being unlike the training data
};

struct Deferral {
  Goal goal = {};
  bool reached = true;  // false: the validation part was too small for the promise, and everything is deferred
  double temperature = 1;
  double ece_before = 0;                           // of the network's own probabilities
  int64_t examples = 0, answered = 0, errors = 0;  // errors among the answered
  int64_t unsure = 0, unfamiliar = 0;              // deferred, and why
  int64_t caught = 0;                              // errors the network would have made on them
  double share = 0, accuracy = 0;                  // answered / examples; 1 - errors / answered, 1 when none is
  Interval interval = {};                          // of `accuracy`
  double network = 0, person = 0, pair = 0;  // accuracy of the network alone, the person alone, and both: the person
                                             // gives the deferred answers
  std::vector<SetScores> sets = {};
  std::vector<SharePoint> curve = {};     // share rising to 1
  std::vector<Strangers> strangers = {};  // those that were measured beside
};

/// `outputs` and `labels` of examples that neither training nor fitting has seen.
[[nodiscard]] Deferral deferral(const Confidence& confidence, const Outputs& outputs, std::span<const int32_t> labels);

[[nodiscard]] Strangers strangers(std::span<const Verdict> known, std::span<const Verdict> strange,
                                  const std::string& source);

/// For a terminal.
[[nodiscard]] std::string text_of(const Deferral& deferral);

}  // namespace tandem::evaluate
