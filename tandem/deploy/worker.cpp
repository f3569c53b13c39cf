#include <tandem/deploy/worker.h>

namespace tandem::deploy {

bool Worker::post(std::function<void()> task) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || tasks_.size() >= most_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void Worker::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Worker::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    try {
      task();
    } catch (const std::bad_alloc&) {  // not even an answer could be made: the connection ends, not this thread
    }
    lock.lock();
  }
}

}  // namespace tandem::deploy
