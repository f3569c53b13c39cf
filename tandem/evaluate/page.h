// The report of a run as one HTML file that needs nothing else: no network, no other file, no library.
#pragma once
#include <tandem/data/dataset.h>
#include <tandem/evaluate/classification.h>
#include <tandem/evaluate/decision_report.h>
#include <tandem/evaluate/deferral.h>
#include <tandem/evaluate/report.h>

#include <limits>
#include <string>
#include <vector>

namespace tandem::evaluate {

/// One epoch of training; NaN where a figure was not taken.
struct EpochPoint {
  int64_t epoch = 0;  // from 1
  double train_loss = std::numeric_limits<double>::quiet_NaN();
  double validation_loss = std::numeric_limits<double>::quiet_NaN();
  double validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double seconds = std::numeric_limits<double>::quiet_NaN();
  double train_accuracy = std::numeric_limits<double>::quiet_NaN();
};

/// One layer of the network, in the order the data flows.
struct LayerRow {
  std::string name = {};    // "0" or "encoder.1"
  std::string kind = {};    // "Conv2d 3x3"
  std::string output = {};  // "28 x 28 x 16", without the batch
  int64_t parameters = 0;
};

/// A command a reader may run next, and what it is for in English and Chinese.
struct NextStep {
  std::string command, purpose, purpose_zh;
};

/// All that the page shows. `result` must come from `predictions`; `images` and `texts`, when given, hold the examples
/// in the same order. They must live until report_page returns.
struct PageInput {
  RunFacts facts = {};
  const Classification& result;
  const Predictions& predictions;
  const Deferral* deferral = nullptr;        // shows a section about people
  const DecisionReport* decision = nullptr;  // shows a section about a decision between two classes
  const data::Dataset* images = nullptr;
  const std::vector<std::string>* texts = nullptr;
  std::vector<EpochPoint> history = {};
  int64_t kept_epoch = 0;   // the one whose weights were kept; 0: the lowest validation loss
  std::string recipe = {};  // YAML
  std::vector<LayerRow> network = {};
  std::vector<NextStep> next = {};  // empty: the program's verbs on facts.folder
};

/// report.html, below 2 MB: pictures are left out beyond that. Throws a usage error when the parts disagree in size.
[[nodiscard]] std::string report_page(const PageInput& input);

}  // namespace tandem::evaluate
