// A quick guard that runs with the tests: own fast paths against own plain ones. Ratios only, never times, so that it
// holds on any machine; the limits stand far below what is measured and far above what a fallback would give.
#include <bench/timing.h>
#include <fmt/format.h>
#include <tandem/kernels/conv.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/matmul.h>
#include <tandem/kernels/onednn.h>

#include <functional>
#include <string>
#include <vector>

namespace tandem::bench {
namespace {

struct Guard {
  std::string name;
  double at_least;  // plain time / fast time
  std::function<void()> fast, plain;
};

std::vector<float> floats(int64_t n) { return std::vector<float>(static_cast<size_t>(n), 0.5F); }
std::vector<double> doubles(int64_t n) { return std::vector<double>(static_cast<size_t>(n), 0.5); }

// float runs on the fast path, double on the plain loop that is its reference.
Guard product() {
  constexpr int64_t n = 256;
  static constexpr kernels::MatmulShape s{n, n, n, false, false};
  return {"matmul 256", 4,
          [a = floats(n * n), b = floats(n * n), c = floats(n * n)]() mutable {
            kernels::matmul(s, std::span<const float>(a), std::span<const float>(b), {}, std::span<float>(c));
          },
          [a = doubles(n * n), b = doubles(n * n), c = doubles(n * n)]() mutable {
            kernels::matmul(s, std::span<const double>(a), std::span<const double>(b), {}, std::span<double>(c));
          }};
}

Guard convolution() {
  static constexpr kernels::ConvShape s{
      .n = 8, .h = 14, .w = 14, .c = 32, .o = 64, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1};
  const int64_t in = s.n * s.h * s.w * s.c, out = s.n * s.h * s.w * s.o, weights = s.weights();
  return {"conv2d 3x3, 32 to 64", 4,
          [x = floats(in), w = floats(weights), y = floats(out)]() mutable {
            kernels::conv2d(s, std::span<const float>(x), std::span<const float>(w), {}, std::span<float>(y));
          },
          [x = doubles(in), w = doubles(weights), y = doubles(out)]() mutable {
            kernels::conv2d(s, std::span<const double>(x), std::span<const double>(w), {}, std::span<double>(y));
          }};
}

// Against the same in float, which is itself fast: measured at 1.9.
Guard convolution_in_bfloat16() {
  static constexpr kernels::ConvShape s{
      .n = 32, .h = 16, .w = 16, .c = 32, .o = 32, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1};
  const int64_t size = s.n * s.h * s.w * s.c;
  const std::vector<BFloat16> narrow(static_cast<size_t>(size), BFloat16(0.5F));
  return {"conv2d 3x3, 32 to 32 in bfloat16", 1.2,
          [x = narrow, w = floats(s.weights()), y = narrow]() mutable {
            kernels::conv2d(s, std::span<const BFloat16>(x), std::span<const float>(w), {}, std::span<BFloat16>(y));
          },
          [x = floats(size), w = floats(s.weights()), y = floats(size)]() mutable {
            kernels::conv2d(s, std::span<const float>(x), std::span<const float>(w), {}, std::span<float>(y));
          }};
}

// A busy machine may bend one measurement, not five in a row.
bool holds(const Guard& guard) {
  double ratio = 0;
  for (int attempt = 0; attempt < 5 && ratio < guard.at_least; ++attempt)
    ratio = seconds_per_call(guard.plain, 0.02, 3) / seconds_per_call(guard.fast, 0.02, 3);
  fmt::print("{}: {:.1f} times the speed of the plain one, at least {} wanted\n", guard.name, ratio, guard.at_least);
  return ratio >= guard.at_least;
}

}  // namespace

int run_guards() {
  int failed = 0;
  std::vector<Guard> guards{product(), convolution()};
  if (kernels::has_bf16_dot()) guards.push_back(convolution_in_bfloat16());
  for (const Guard& guard : guards) failed += holds(guard) ? 0 : 1;
  for (const std::string& name : kernels::onednn::implementations())
    if (name.find("ref") != std::string::npos) fmt::print("oneDNN fell back to '{}'\n", name), ++failed;
  return failed;
}

}  // namespace tandem::bench

int main() { return tandem::bench::run_guards() == 0 ? 0 : 1; }
