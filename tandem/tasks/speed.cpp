#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/memory.h>
#include <tandem/tasks/speed.h>

#include <algorithm>
#include <chrono>
#include <functional>

namespace tandem::tasks {
namespace {

/// The shortest of the runs that begin within a quarter of a second, and of three at least.
double seconds_of(const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  run();  // makes kernels and memory ready
  double best = 1e9;
  const auto began = Clock::now();
  for (int i = 0; i < 3 || seconds(began) < 0.25; ++i) {
    const auto from = Clock::now();
    run();
    best = std::min(best, seconds(from));
  }
  return best;
}

constexpr int64_t text_length = 32;

std::vector<int32_t> any_ids(int64_t count, int64_t vocabulary) {
  Rng rng(1, "speed");
  std::vector<int32_t> out(static_cast<size_t>(count));
  for (int32_t& id : out) id = static_cast<int32_t>(rng.below(vocabulary));
  return out;
}

Batch any_examples(const Input& input, int64_t n) {
  if (const int64_t vocabulary = vocabulary_of(input); vocabulary > 0)
    return {Tensor::from(any_ids(n * text_length, vocabulary), {n * text_length}),
            std::vector<int64_t>(static_cast<size_t>(n), text_length)};
  const Shape one = shape_of(input);
  Tensor x = Tensor::empty(one.inserted(0, n));
  Rng rng(1, "speed");
  for (float& value : x.data<float>()) value = static_cast<float>(rng.normal());
  return {x};
}

}  // namespace

Speed speed_of(const Classifier& model) {
  const FlushDenormals flush;
  const nn::Sequential ready = nn::for_inference(model.net);
  constexpr int64_t batch = 64;
  const auto rate = [&](int64_t n) {
    const Batch examples = any_examples(model.input, n);
    return static_cast<double>(n) / seconds_of([&] { (void)model.outputs(ready, examples); });
  };
  return {batch, rate(batch), rate(1)};
}

Speed speed_of(const LanguageModel& model) {
  const FlushDenormals flush;
  const NoGrad off;
  const nn::Sequential ready = nn::for_inference(model.net);
  const int64_t length = std::min<int64_t>(64, model.reading.context);
  const Tensor ids = Tensor::from(any_ids(length, model.vocabulary()), {length});
  const auto read = [&](nn::Memory& memory, int64_t first, int64_t last) {
    nn::Pass pass;
    pass.memory = &memory;
    pass.lengths = {last - first};
    (void)ready.forward_part(0, ready.layers().size(), ids.rows(first, last), pass);
  };
  const double together = seconds_of([&] {
    nn::Memory memory;
    read(memory, 0, length);
  });
  const double apart = seconds_of([&] {
    nn::Memory memory;
    for (int64_t i = 0; i < length; ++i) read(memory, i, i + 1);
  });
  return {length, static_cast<double>(length) / together, static_cast<double>(length) / apart};
}

}  // namespace tandem::tasks
