// The trials of a search, in one SQLite file: any number of processes work on it, any of them may die at any moment.
#pragma once
#include <tandem/base/database.h>
#include <tandem/improve/options.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tandem::improve {

/// running: some process trains it. waiting: it was interrupted and goes on as soon as somebody has time. paused: it
/// stands at a rung and goes on when it is among the best there. finished, failed: never again.
enum class State { running, waiting, paused, finished, failed };
[[nodiscard]] const char* name_of(State state);

/// What a trial reached after so many epochs; one value an objective.
struct Result {
  int64_t epochs = 0;
  std::vector<double> values;
};

struct Trial {
  int64_t id = 0;  // from 1
  State state = State::running;
  Point point{};
  int64_t target = 0, limit = 0;  // epochs to train now, and in all
  std::vector<Result> results{};  // one an epoch that was measured
  double seconds = 0;             // of training so far
  std::string message{};          // of a failed one

  [[nodiscard]] const Result* at(int64_t epochs) const;  // null when it did not get that far
  /// The best result: by the first objective, or the last one when only the last weights are kept.
  [[nodiscard]] const Result* last() const { return results.empty() ? nullptr : &results.back(); }
};

/// What the search does next.
struct Decision {
  enum class Kind { train, wait, done } kind = Kind::done;  // wait: others work on what this depends on
  Trial trial;
};

/// How to go on, from all trials: a trial that waits; else the best of a rung that may go on (the highest rung first);
/// else a new one while fewer than `limit` are there; else, so that something is trained to its end, the best of the
/// highest rung. `fresh` makes a new trial from those there are.
[[nodiscard]] Decision decide(const std::vector<Trial>& trials, const Halving& halving,
                              std::span<const Objective> objectives, int64_t limit,
                              const std::function<Trial(const std::vector<Trial>&)>& fresh);

/// How good each trial is, for samplers: first by the epochs it got to, then by what it reached there. Infinite for
/// those that failed or have no result yet.
[[nodiscard]] std::vector<double> scores(const std::vector<Trial>& trials, const Halving& halving,
                                         std::span<const Objective> objectives);

/// Indices of the trials, the best first: finished ones, then those that got furthest; failed ones last.
[[nodiscard]] std::vector<size_t> leaders(const std::vector<Trial>& trials, std::span<const Objective> objectives);

/// Indices of the trials that nothing dominates, among those with as many epochs as any may have.
[[nodiscard]] std::vector<size_t> pareto_front(const std::vector<Trial>& trials, std::span<const Objective> objectives);

class Study {
 public:
  /// Opens the file or makes it. A data error when it is no study.
  Study(const fs::path& path, const Space& space);

  [[nodiscard]] std::vector<Trial> trials();
  /// Decides and takes the trial for this process, at one moment for all processes. Trials of processes that died wait
  /// again; one that killed its process twice at the same place has failed.
  [[nodiscard]] Decision next(const Halving& halving, std::span<const Objective> objectives, int64_t limit,
                              const std::function<Trial(const std::vector<Trial>&)>& fresh);
  /// A sign of life of the running trial; to be given at least every `patience` seconds.
  void beat(int64_t trial);
  void add(int64_t trial, const Result& result);
  void end(int64_t trial, State state, double seconds, const std::string& message = "");

  static constexpr double patience = 120;

 private:
  void free_the_dead();
  sql::Database database_;
  fs::path path_;
  Space space_;
  std::string me_;  // host, process, and when it began
};

}  // namespace tandem::improve
