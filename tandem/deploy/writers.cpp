#include <tandem/base/threads.h>
#include <tandem/deploy/writers.h>

#include <algorithm>

namespace tandem::deploy {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds a_turn{20};

}  // namespace

Writers::Writers(WritingOptions options, Metrics& metrics) : options_(options), metrics_(metrics) {
  for (int i = 0; i < std::clamp(tandem::threads(), 1, 8); ++i) threads_.emplace_back([this] { work(); });
}

void Writers::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

bool Writers::submit(Job& job) {
  {
    const std::scoped_lock lock(mutex_);
    if (texts_ >= options_.texts || stopping_) return false;
    ++texts_;
    job.arrived = Clock::now();
    waiting_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

int64_t Writers::texts() const {
  const std::scoped_lock lock(mutex_);
  return texts_;
}

void Writers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::list<Job> own;
    own.splice(own.begin(), waiting_, waiting_.begin());
    lock.unlock();
    Job& job = own.front();
    const std::optional<Ending> ending = turn(job);
    if (ending) {
      try {
        metrics_.model(job.model->id(), "").tokens += job.text->so_far().tokens;
        job.done(*ending, job.text->so_far());
      } catch (const std::bad_alloc&) {  // its connection ends, not this thread
      }
      job = {};
    }
    lock.lock();
    if (ending)
      --texts_;
    else
      waiting_.splice(waiting_.end(), own);
  }
}

std::optional<Writers::Ending> Writers::turn(Job& job) {
  const auto begin = Clock::now();
  try {
    for (bool more = true; more;) {
      if (*job.gone || stopping_) return Ending::gone;
      more = job.text->step();
      const auto now = Clock::now();
      const bool late = now - job.arrived > options_.time;
      if (job.piece)
        if (const std::string piece = job.text->fresh(); !piece.empty()) job.piece(piece);
      if (late && more) return Ending::length;
      if (more && now - begin > a_turn) return std::nullopt;
    }
  } catch (const std::exception&) {  // out of memory, or scores that are not finite
    return Ending::failed;
  }
  return job.text->so_far().stopped ? Ending::stop : Ending::length;
}

}  // namespace tandem::deploy
