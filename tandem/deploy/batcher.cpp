#include <tandem/deploy/batcher.h>

#include <algorithm>
#include <span>

namespace tandem::deploy {

using Clock = std::chrono::steady_clock;

Batcher::Batcher(BatchOptions options, Metrics& metrics)
    : options_(options), metrics_(metrics), thread_([this] { work(); }) {}

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
  for (std::vector<Job> batch = take(); !batch.empty(); batch = take()) answer(batch);
}

// The next batch; none at the end.
std::vector<Batcher::Job> Batcher::take() {
  std::vector<Job> batch;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return batch;
  changed_.wait_until(lock, queue_.front().arrived + options_.delay,
                      [&] { return stopping_ || waiting_ >= options_.most; });
  const auto model = queue_.front().model;
  int64_t examples = 0;
  while (!queue_.empty() && queue_.front().model == model &&
         (batch.empty() || examples + queue_.front().examples.count <= options_.most)) {
    examples += queue_.front().examples.count;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  waiting_ -= examples;
  return batch;
}

void Batcher::answer(std::vector<Job>& batch) {
  const auto begin = Clock::now();
  std::erase_if(batch, [&](Job& job) {
    const bool late = begin - job.arrived > options_.patience;
    if (late) job.done(Outcome::late, {});
    return late;
  });
  if (batch.empty()) return;
  int64_t examples = 0;
  for (const Job& job : batch) examples += job.examples.count;
  Answer all;
  try {
    Examples together;
    if (batch.size() > 1) {
      together = batch[0].examples;
      for (const Job& job : std::span(batch).subspan(1)) together.append(job.examples);
    }
    all = batch[0].model->predict(batch.size() > 1 ? together : batch[0].examples);
  } catch (const std::exception&) {  // out of memory, or numbers that are not finite
    for (Job& job : batch) job.done(Outcome::failed, {});
    return;
  }
  ModelMetrics& metrics = metrics_.model(batch[0].model->name(), batch[0].model->version());
  metrics.compute_seconds.add(std::chrono::duration<double>(Clock::now() - begin).count());
  metrics.batch_size.add(static_cast<double>(examples));
  metrics.examples += examples;
  ++metrics.batches;
  metrics.deferred += std::ranges::count_if(all.verdicts, &evaluate::Verdict::deferred);

  const auto classes = batch[0].model->classes();
  auto probability = all.probabilities.begin();
  auto verdict = all.verdicts.begin();
  for (Job& job : batch) {
    Answer own{{probability, probability + job.examples.count * classes}, {}};
    probability += job.examples.count * classes;
    if (!all.verdicts.empty())
      own.verdicts.assign(verdict, verdict + job.examples.count), verdict += job.examples.count;
    job.done(Outcome::answered, std::move(own));
  }
}

}  // namespace tandem::deploy
