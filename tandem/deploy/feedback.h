// What people say to a model in service, and what becomes of it: decisions kept, corrections, learning, versions.
// Answers are JSON.
#pragma once
#include <tandem/deploy/picture.h>
#include <tandem/people/memory.h>
#include <tandem/people/store.h>

#include <memory>
#include <mutex>

namespace tandem::deploy {

/// Of one run. Any thread may call; learn, restore and compare one at a time.
class Feedback {
 public:
  /// Opens the run's store. `keep_inputs` false: pictures are never written down, so that nothing can be learned of them.
  Feedback(train::RunFolder run, fs::path data_folder, bool keep_inputs);

  /// Keeps a decision; for the queue when it was deferred. {"decision": id}
  [[nodiscard]] std::string decide(const ServedModel& model, const Picture& picture, const Answer& answer);
  /// Keeps those of n examples that were deferred, for the queue: `pixels` (n, h, w, c), 0 … 255. Beyond most_kept that
  /// nobody answers, nothing is kept. One call at a time.
  void keep(const ServedModel& model, std::span<const float> pixels, const Answer& answer);
  static constexpr int64_t most_kept = 10'000;

  /// Keeps what a person said: {"decision": id, "label": class, "person": name, "note": …}. {"correction": id}, on the
  /// disk when it returns. Throws Refused 400 when the body is no such thing, 404 for an unknown decision.
  [[nodiscard]] std::string correct(const ServedModel& model, std::string_view body);
  /// Deferred and unanswered decisions, oldest first, with their pictures.
  [[nodiscard]] std::string queue();
  [[nodiscard]] int64_t waiting();

  /// Versions, updates, corrections, and how many of these learning has not looked at.
  [[nodiscard]] std::string learning();
  /// Learns from the corrections: people/learn.h. The update; its `to` is 0 when no version went live.
  [[nodiscard]] std::string learn();
  /// {"version": n}: that one becomes live. Throws Refused 400 when there is none.
  [[nodiscard]] std::string restore(std::string_view body);
  /// {"first": n, "second": m} on the examples held back: how many both, only one or neither got right.
  [[nodiscard]] std::string compare(std::string_view body);

  /// What the run remembers of its data; made from it the first time.
  [[nodiscard]] std::shared_ptr<const people::Memory> memory();

 private:
  train::RunFolder run_;
  fs::path data_folder_;
  bool keep_inputs_;
  people::Store store_;
  int64_t room_ = 0;  // decisions that keep() may add before it counts again
  std::mutex mutex_;  // of memory_
  std::shared_ptr<const people::Memory> memory_;
};

}  // namespace tandem::deploy
