#include <tandem/autograd/tape.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/parts.h>
#include <tandem/train/averaging.h>

#include <algorithm>
#include <cstring>

namespace tandem::train {

void AverageOptions::fields(Fields& f) {
  f("decay", decay, {0, 0.99999});
  f("last", last, {0, 1});
}

double AverageOptions::pull(int64_t steps, int64_t averaged, double share) const {
  if (last > 0) return share > 1 - last ? 1 / static_cast<double>(averaged + 1) : 0;
  // Early on the mean follows faster, so that the random start is forgotten.
  const auto t = static_cast<double>(steps);
  return decay > 0 ? 1 - std::min(decay, (1 + t) / (10 + t)) : 0;
}

namespace {

/// Batch norms, which get their own momentum back at the end.
class Norms {
 public:
  explicit Norms(nn::Module& net) {
    nn::each_part(net, [&](const std::string&, nn::Module& layer) {
      if (auto* norm = dynamic_cast<nn::BatchNorm*>(&layer)) norms_.emplace_back(norm, norm->momentum);
    });
  }
  Norms(const Norms&) = delete;
  Norms& operator=(const Norms&) = delete;
  ~Norms() {
    for (auto& [norm, momentum] : norms_) norm->momentum = momentum;
  }
  [[nodiscard]] bool empty() const { return norms_.empty(); }
  void set_momentum(double value) {
    for (auto& [norm, momentum] : norms_) norm->momentum = value;
  }

 private:
  std::vector<std::pair<nn::BatchNorm*, double>> norms_;
};

}  // namespace

void renew_statistics(tasks::Task& task, int64_t batch, uint64_t seed, int64_t epoch, bool bf16) {
  Norms norms(task.network());
  if (norms.empty()) return;
  const NoGrad off;
  std::vector<Tensor> carried;
  task.visit_state([&](const std::string&, Tensor& t, bool) { carried.push_back(t.clone()); });
  const Rng rng = Rng(seed, "statistics").split(static_cast<uint64_t>(epoch));
  int64_t step = 0;
  for (const std::vector<int64_t>& examples : task.batches(batch, rng.split("shuffle"))) {
    norms.set_momentum(1 / static_cast<double>(step + 1));  // the mean of all batches so far
    nn::Pass pass{true, rng.split("dropout").split(static_cast<uint64_t>(step)), bf16};
    (void)task.loss(examples, {seed, epoch, step, 1}, pass);
    ++step;
  }
  size_t i = 0;
  task.visit_state([&](const std::string&, Tensor& t, bool) {
    const Tensor& was = carried[i++];
    std::memcpy(t.bytes(), was.bytes(), was.byte_count());
  });
}

}  // namespace tandem::train
