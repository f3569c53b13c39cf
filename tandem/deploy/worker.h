// One thread for what would hold up the others: decoding pictures, explaining, reading model files.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace tandem::deploy {

class Worker {
 public:
  explicit Worker(size_t most) : most_(most), thread_([this] { work(); }) {}
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Runs `task` later, in order; it may throw std::bad_alloc alone. False when `most` wait already or it was stopped.
  [[nodiscard]] bool post(std::function<void()> task);
  /// Does what waits and takes nothing more; returns when the thread has ended.
  void stop();

 private:
  void work();

  size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::deploy
