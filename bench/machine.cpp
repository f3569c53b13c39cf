#include <bench/machine.h>
#include <bench/timing.h>
#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace tandem::bench {
namespace {

// Products run in registers only: twelve chains hide the latency of one (4 cycles, two units), and each starts at
// another value, or the compiler would see that all are the same and keep one.
constexpr int chains = 12;
volatile float sink;

__attribute__((target("avx512f"))) double fma_avx512(int64_t rounds) {
  __m512 acc[chains];
  for (int i = 0; i < chains; ++i) acc[i] = _mm512_set1_ps(1.0F + static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999F), b = _mm512_set1_ps(0.5F);
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) acc[i] = _mm512_fmadd_ps(acc[i], a, b);
  for (int i = 1; i < chains; ++i) acc[0] = _mm512_add_ps(acc[0], acc[i]);
  sink = _mm512_cvtss_f32(acc[0]);
  return static_cast<double>(rounds) * chains * 16 * 2;
}

__attribute__((target("avx2,fma"))) double fma_avx2(int64_t rounds) {
  __m256 acc[chains];
  for (int i = 0; i < chains; ++i) acc[i] = _mm256_set1_ps(1.0F + static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.999F), b = _mm256_set1_ps(0.5F);
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) acc[i] = _mm256_fmadd_ps(acc[i], a, b);
  for (int i = 1; i < chains; ++i) acc[0] = _mm256_add_ps(acc[0], acc[i]);
  sink = _mm256_cvtss_f32(acc[0]);
  return static_cast<double>(rounds) * chains * 8 * 2;
}

__attribute__((target("avx512f,avx512bf16"))) double dot_bf16(int64_t rounds) {
  __m512 acc[chains];
  for (int i = 0; i < chains; ++i) acc[i] = _mm512_set1_ps(1.0F + static_cast<float>(i));
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5F), _mm512_set1_ps(-0.25F));
  const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.125F), _mm512_set1_ps(0.0625F));
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) acc[i] = _mm512_dpbf16_ps(acc[i], a, b);
  for (int i = 1; i < chains; ++i) acc[0] = _mm512_add_ps(acc[0], acc[i]);
  sink = _mm512_cvtss_f32(acc[0]);
  return static_cast<double>(rounds) * chains * 32 * 2;
}

// The best of several short runs, `threads` at once: what the machine can do, not what it did on average.
double best_rate(int threads, const std::function<double(int thread)>& work, int repeats = 7) {
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    std::vector<double> done(static_cast<size_t>(threads));
    const Clock clock;
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back([&, t] { done[static_cast<size_t>(t)] = work(t); });
    done[0] = work(0);
    others.clear();  // joins
    double sum = 0;
    for (const double d : done) sum += d;
    best = std::max(best, sum / clock.seconds());
  }
  return best;
}

// Far beyond any cache: 192 MiB an array. Each thread works on its own part.
constexpr size_t floats = size_t{48} << 20;
struct Arrays {
  std::unique_ptr<float[], decltype(&std::free)> a, b, c;
  Arrays() : a(make(1), &std::free), b(make(2), &std::free), c(make(3), &std::free) {}
  static float* make(float value) {
    auto* p = static_cast<float*>(std::aligned_alloc(4096, floats * sizeof(float)));
    std::fill_n(p, floats, value);  // the pages are there before the clock runs
    return p;
  }
};

__attribute__((target("avx2"))) double sum_of(const float* a, size_t n) {
  __m256 s[8];
  for (auto& v : s) v = _mm256_setzero_ps();
  for (size_t i = 0; i < n; i += 64)
#pragma GCC unroll 8
    for (size_t k = 0; k < 8; ++k) s[k] = _mm256_add_ps(s[k], _mm256_load_ps(a + i + 8 * k));
  for (size_t k = 1; k < 8; ++k) s[0] = _mm256_add_ps(s[0], s[k]);
  sink = _mm256_cvtss_f32(s[0]);
  return static_cast<double>(n) * 4;
}

template <bool streaming>
__attribute__((target("avx2,fma"))) double triad(const float* a, const float* b, float* c, size_t n) {
  const __m256 s = _mm256_set1_ps(0.5F);
  for (size_t i = 0; i < n; i += 8) {
    const __m256 v = _mm256_fmadd_ps(s, _mm256_load_ps(b + i), _mm256_load_ps(a + i));
    if constexpr (streaming)
      _mm256_stream_ps(c + i, v);
    else
      _mm256_store_ps(c + i, v);
  }
  _mm_sfence();
  return static_cast<double>(n) * 12;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

int cores() {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

Machine measure() {
  Machine m;
  m.processor = processor_name();
  m.cores = cores();
  const bool avx512 = __builtin_cpu_supports("avx512f"), bf16 = __builtin_cpu_supports("avx512bf16");
  m.instructions = avx512 ? bf16 ? "AVX-512 with bf16" : "AVX-512" : "AVX2";
  for (int all = 0; all < 2; ++all) {
    const int threads = all ? m.cores : 1;
    constexpr int64_t rounds = 8'000'000;
    m.fp32[all] = best_rate(threads, [&](int) { return avx512 ? fma_avx512(rounds) : fma_avx2(rounds); });
    if (bf16) m.bf16[all] = best_rate(threads, [&](int) { return dot_bf16(rounds); });
    for (const Stream kind : {Stream::read, Stream::copy, Stream::triad, Stream::update})
      m.memory[static_cast<size_t>(kind)][all] = stream_rate(kind, threads, 7);
  }
  return m;
}

}  // namespace

double stream_rate(Stream kind, int threads, int repeats) {
  static const Arrays arrays;
  if (threads == 0) threads = cores();
  const size_t part = floats / static_cast<size_t>(threads) / 64 * 64;
  const auto best = [&](auto&& work) {
    return best_rate(
        threads,
        [&](int t) {
          const size_t first = static_cast<size_t>(t) * part;
          return work(arrays.a.get() + first, arrays.b.get() + first, arrays.c.get() + first);
        },
        repeats);
  };
  switch (kind) {
    case Stream::read: return best([&](float* a, float*, float*) { return sum_of(a, part); });
    case Stream::copy:
      return best([&](float* a, float*, float* c) {
        std::memcpy(c, a, part * sizeof(float));
        return static_cast<double>(part) * 8;
      });
    case Stream::triad:
      return std::max(best([&](float* a, float* b, float* c) { return triad<false>(a, b, c, part); }),
                      best([&](float* a, float* b, float* c) { return triad<true>(a, b, c, part); }));
    case Stream::update: break;
  }
  return best([&](float* a, float* b, float*) { return triad<false>(a, b, a, part); });
}

const Machine& machine() {
  static const Machine measured = measure();
  return measured;
}

}  // namespace tandem::bench
