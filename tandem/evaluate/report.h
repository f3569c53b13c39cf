// The report of a run as JSON for programs and as a table for a terminal.
#pragma once
#include <tandem/evaluate/classification.h>
#include <tandem/evaluate/decision_report.h>
#include <tandem/evaluate/deferral.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::evaluate {

/// Something that happened in a training, for people. `about` tells one kind from another.
struct Remark {
  std::string about, en, zh;
};

/// One network of an ensemble, by itself.
struct Member {
  std::string name;
  double accuracy = 0, loss = 0;
};

/// What a report says about the run itself. Empty texts are left out where people read.
struct RunFacts {
  std::string name = {};     // "digits-2"
  std::string task = {};     // "image classification"
  std::string data = {};     // "MNIST"
  std::string split = {};    // "test"
  double seconds = 0;        // this evaluation
  double train_seconds = 0;  // the training before it; 0 when unknown
  int64_t parameters = 0;
  uint64_t seed = 0;
  std::string version = {};  // of Tandem
  std::string command = {};  // what was typed
  std::string date = {};     // "2025-03-01 14:05"
  std::string folder = {};   // the run folder, for the commands on the page: "runs/digits-2"
  std::string machine = {};  // "2 cores, AVX2"
  std::vector<Remark> remarks = {};
  std::vector<Member> members = {};  // of an ensemble
};

/// A JSON list of what was remarked, as report.json and the page have it: about, en and zh of each.
[[nodiscard]] std::string remarks_json(const RunFacts& facts);

/// report.json: task, data, split, examples, loss, accuracy, macro, weighted, classes, confusion (rows are true
/// classes), calibration, seconds, parameters, seed, version and more. Figures that do not exist are null. Invalid
/// UTF-8 in names becomes U+FFFD. `deferral` adds `people`: answered, deferred and why, sets, accuracy of both
/// together. `decision` adds `decision`: figures with intervals, sensitivity and so on, net benefit, groups. Members of
/// an ensemble stand in `members`.
[[nodiscard]] std::string report_json(const RunFacts& facts, const Classification& result,
                                      const Deferral* deferral = nullptr, const DecisionReport* decision = nullptr);

/// The classes in the layout of scikit-learn's classification_report, further figures, and for at most 20 classes the
/// confusion matrix. Columns align for names of double-width characters.
[[nodiscard]] std::string text_table(const Classification& result);

/// Columns a terminal gives to UTF-8 text: two for East Asian wide characters, none for combining marks.
[[nodiscard]] int64_t display_width(std::string_view text);

}  // namespace tandem::evaluate
