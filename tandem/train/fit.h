// Training from C++ in one call.
#pragma once
#include <tandem/train/trainer.h>

namespace tandem::train {

/// What a recipe says, as designated initialisers.
struct FitOptions {
  optim::Options optimizer = {};
  optim::ScheduleOptions schedule = {};
  int64_t epochs = 10;
  int64_t batch = 64;
  EarlyStopping early_stopping = {};
  std::string precision = "fp32";  // or bf16: see TrainOptions
  AverageOptions average = {};
  PruneOptions prune = {};
  data::Augment augment = {};
  tasks::MixingOptions mixing = {};
  tasks::LossOptions loss = {};
  std::optional<evaluate::PeopleOptions> people = {};  // confidence and deferral, fitted on the validation part
  double validation = 0.1;                             // share of data.train, when data.validation is empty
  uint64_t seed = 1;
  Hooks hooks = {};
};

/// A trained model with its preprocessing, and how it came about.
struct Fit {
  tasks::Classifier model;
  std::vector<evaluate::EpochPoint> history;
  int64_t best_epoch = 0;
  double seconds = 0;
  Outcome outcome = Outcome::finished;
};

/// Trains a fresh copy of `net` on data.train, validating on data.validation; data.test is never looked at.
[[nodiscard]] Fit fit(const nn::Sequential& net, const data::Splits& data, const FitOptions& options = {});

}  // namespace tandem::train
