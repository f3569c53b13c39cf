// Texts that language models write for many clients at once: a few threads take turns, some tokens each.
#pragma once
#include <tandem/deploy/languages.h>
#include <tandem/tasks/generation.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tandem::deploy {

struct WritingOptions {
  int64_t texts = 16;                       // that are written at once; more are refused
  std::chrono::milliseconds time{300'000};  // then a text ends where it is
  int64_t most_tokens = 4096;               // of a text
  int64_t most_prompt = int64_t{64} << 10;  // bytes
};

class Writers {
 public:
  enum class Ending { stop, length, gone, failed };
  struct Job {
    std::shared_ptr<const ServedLanguage> model;
    std::unique_ptr<tasks::Generation> text;
    std::shared_ptr<const std::atomic<bool>> gone;              // nobody reads on: the text is given up
    std::function<void(const std::string&)> piece;              // may be none; called in order
    std::function<void(Ending, const tasks::Generated&)> done;  // called once. Neither may throw but bad_alloc
    std::chrono::steady_clock::time_point arrived = {};
  };

  Writers(WritingOptions options, Metrics& metrics);
  ~Writers() { stop(); }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  [[nodiscard]] const WritingOptions& options() const { return options_; }
  /// False, and `job` is untouched, when as many texts as may be are under way.
  [[nodiscard]] bool submit(Job& job);
  [[nodiscard]] int64_t texts() const;
  /// Ends what is under way as `gone` and takes nothing more; returns when the threads have ended.
  void stop();

 private:
  void work();
  // Writes on for a turn; the ending of a text that is at its end.
  [[nodiscard]] std::optional<Ending> turn(Job& job);

  WritingOptions options_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Job> waiting_;  // for their next turn; a list, since to move on takes no memory
  int64_t texts_ = 0;        // those and the ones that have it
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tandem::deploy
