#include <tandem/deploy/batcher.h>

#include <algorithm>
#include <span>

namespace tandem::deploy {

using Clock = std::chrono::steady_clock;

Batcher::Batcher(BatchOptions options, Metrics& metrics) : options_(options), metrics_(metrics) {
  batch_.reserve(static_cast<size_t>(std::min(options.most, options.queue)));  // no more can wait
  thread_ = std::thread([this] { work(); });
}

void Batcher::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool Batcher::submit(Job& job) {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_ + job.examples.count > options_.queue || stopping_) return false;
    wake = queue_.empty() || waiting_ + job.examples.count >= options_.most;  // the thread waits for one of these
    waiting_ += job.examples.count;
    job.arrived = Clock::now();
    queue_.push_back(std::move(job));
  }
  if (wake) changed_.notify_one();
  return true;
}

int64_t Batcher::waiting() const {
  const std::scoped_lock lock(mutex_);
  return waiting_;
}

void Batcher::work() {
  for (; take(); batch_.clear()) answer();
}

// The next batch; false at the end.
bool Batcher::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return false;
  changed_.wait_until(lock, queue_.front().arrived + options_.delay,
                      [&] { return stopping_ || waiting_ >= options_.most; });
  const auto model = queue_.front().model;
  int64_t examples = 0;
  while (!queue_.empty() && queue_.front().model == model && batch_.size() < batch_.capacity() &&
         (batch_.empty() || examples + queue_.front().examples.count <= options_.most)) {
    examples += queue_.front().examples.count;
    batch_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  waiting_ -= examples;
  return true;
}

void Batcher::answer() {
  // What cannot even be said for want of memory ends its connection, not this thread.
  const auto end = [](Job& job, Outcome outcome, Answer own) {
    try {
      job.done(outcome, std::move(own));
    } catch (const std::bad_alloc&) {
    }
  };
  const auto begin = Clock::now();
  std::erase_if(batch_, [&](Job& job) {
    const bool late = begin - job.arrived > options_.patience;
    if (late) end(job, Outcome::late, {});
    return late;
  });
  if (batch_.empty()) return;
  int64_t examples = 0;
  for (const Job& job : batch_) examples += job.examples.count;
  Answer all;
  try {
    Examples together;
    if (batch_.size() > 1) {
      together = batch_[0].examples;
      for (const Job& job : std::span(batch_).subspan(1)) together.append(job.examples);
    }
    all = batch_[0].model->predict(batch_.size() > 1 ? together : batch_[0].examples);
    ModelMetrics& metrics = metrics_.model(batch_[0].model->name(), batch_[0].model->version());
    metrics.compute_seconds.add(std::chrono::duration<double>(Clock::now() - begin).count());
    metrics.batch_size.add(static_cast<double>(examples));
    metrics.examples += examples;
    ++metrics.batches;
    metrics.deferred += std::ranges::count_if(all.verdicts, &evaluate::Verdict::deferred);
  } catch (const std::exception&) {  // out of memory, or numbers that are not finite
    for (Job& job : batch_) end(job, Outcome::failed, {});
    return;
  }

  const auto classes = batch_[0].model->classes();
  auto probability = all.probabilities.begin();
  auto verdict = all.verdicts.begin();
  for (Job& job : batch_) {
    const int64_t n = job.examples.count;
    Answer own;
    Outcome outcome = Outcome::answered;
    try {
      own.probabilities.assign(probability, probability + n * classes);
      if (!all.verdicts.empty()) own.verdicts.assign(verdict, verdict + n);
    } catch (const std::bad_alloc&) {
      own = {}, outcome = Outcome::failed;
    }
    probability += n * classes;
    if (!all.verdicts.empty()) verdict += n;
    end(job, outcome, std::move(own));
  }
}

}  // namespace tandem::deploy
