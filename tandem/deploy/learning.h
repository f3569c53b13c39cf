// What becomes of what people said to a run in service: learning from corrections, and its versions. Answers are JSON.
#pragma once
#include <tandem/people/store.h>
#include <tandem/train/run.h>

#include <string>
#include <string_view>

namespace tandem::deploy {

/// Any thread may call; learn, restore and compare one at a time.
class Learning {
 public:
  /// `store` is the run's and outlives it.
  Learning(train::RunFolder run, people::Store& store, fs::path data_folder);

  /// Versions, updates, the latest corrections, and how many of all corrections learning has not looked at.
  [[nodiscard]] std::string state();
  /// Learns from the corrections: people/learn.h. The update; its `to` is 0 when no version went live.
  [[nodiscard]] std::string learn();
  /// {"version": n}: that one becomes live. Throws Refused 400 when there is none, or the body is no such thing.
  [[nodiscard]] std::string restore(std::string_view body);
  /// {"first": n, "second": m} on `set`: how many both, only one or neither got right.
  [[nodiscard]] std::string compare(std::string_view body, const data::Dataset& set) const;

 private:
  train::RunFolder run_;
  people::Store& store_;
  fs::path data_folder_;
};

}  // namespace tandem::deploy
