// Requests become batches as they come: while a batch is computed the next one gathers.
#pragma once
#include <tandem/deploy/metrics.h>
#include <tandem/deploy/served_model.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace tandem::deploy {

struct BatchOptions {
  int64_t most = 64;                           // examples in a batch; a larger request is a batch of its own
  std::chrono::microseconds delay{0};          // how long the first of a batch may wait for others
  int64_t queue = 2048;                        // examples that may wait
  std::chrono::milliseconds patience{10'000};  // a request that waited longer is not answered any more
};

/// One thread that answers the requests to one model in the order they came. The network's work runs on the pool of
/// base/threads.h, or on this thread alone while another batcher has the pool.
class Batcher {
 public:
  enum class Outcome { answered, late, failed };
  struct Job {
    std::shared_ptr<const ServedModel> model;  // a batch is answered by one model
    Examples examples;
    std::function<void(Outcome, Answer)> done;  // called once, on the batcher's thread
    std::chrono::steady_clock::time_point arrived = {};
  };

  Batcher(BatchOptions options, Metrics& metrics);
  ~Batcher() { stop(); }
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// False, and `job` is untouched, when the queue has no room for it.
  [[nodiscard]] bool submit(Job& job);
  [[nodiscard]] int64_t waiting() const;
  /// Answers what waits and takes nothing more; returns when the thread has ended.
  void stop();

 private:
  void work();
  [[nodiscard]] bool take();
  void answer();

  BatchOptions options_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  int64_t waiting_ = 0;  // examples
  bool stopping_ = false;
  std::vector<Job> batch_;  // of the thread; its memory is taken once, so that none is missing later
  std::thread thread_;
};

}  // namespace tandem::deploy
