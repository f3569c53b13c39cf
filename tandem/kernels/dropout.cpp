#include <tandem/base/random.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/dropout.h>
#include <tandem/kernels/isa.h>

#ifndef TANDEM_DROPOUT_PART  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_DROPOUT_PART
namespace tandem::kernels {
namespace {

// Random numbers below `limit` leave their x out.
struct Dropping {
  uint64_t key, limit;
  double scale;
  bool past;  // the caches
};

// Numbers begin … end - 1, one after the other, to `y` and behind it.
template <class S>
void drop_some(const Dropping& p, const S* x, S* y, int64_t begin, int64_t end) {
  const auto scale = static_cast<Wide<S>>(p.scale);
  for (int64_t i = begin; i < end; ++i)
    *y++ = random_bits(p.key, static_cast<uint64_t>(i)) < p.limit ? S{}
                                                                  : static_cast<S>(static_cast<Wide<S>>(x[i]) * scale);
}

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/dropout.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <tandem/kernels/storage-inl.h>
#include <tandem/kernels/stream-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

template <class V>
HWY_INLINE V mixed(V z) {  // as in random_bits
  const hn::DFromV<V> d;
  z = hn::Mul(hn::Xor(z, hn::ShiftRight<30>(z)), hn::Set(d, 0xbf58476d1ce4e5b9ULL));
  z = hn::Mul(hn::Xor(z, hn::ShiftRight<27>(z)), hn::Set(d, 0x94d049bb133111ebULL));
  return hn::Xor(z, hn::ShiftRight<31>(z));
}

// A vector of 64-bit random numbers decides about as many floats.
template <class S>
void drop(const Dropping& p, const S* x, S* y, int64_t begin, int64_t end) {
  constexpr uint64_t odd = 0x9e3779b97f4a7c15ULL;
  const hn::ScalableTag<uint64_t> d64;
  const hn::Rebind<uint32_t, decltype(d64)> d32;
  const hn::Rebind<float, decltype(d64)> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d64));
  const auto key = hn::Set(d64, p.key), limit = hn::Set(d64, p.limit);
  const auto step = hn::Set(d64, odd * static_cast<uint64_t>(lanes));
  const auto scale = hn::Set(d, static_cast<float>(p.scale));
  auto counter = hn::Mul(hn::Iota(d64, static_cast<uint64_t>(begin)), hn::Set(d64, odd));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    const auto bits = mixed(hn::Add(mixed(hn::Xor(counter, key)), key));
    const auto dropped = hn::VecFromMask(d64, hn::Lt(bits, limit));
    const auto v = hn::BitCast(d32, hn::Mul(load_from(d, x + i), scale));
    store_to(hn::BitCast(d, hn::AndNot(hn::TruncateTo(d32, dropped), v)), d, y + i - begin);
    counter = hn::Add(counter, step);
  }
  drop_some(p, x, y + i - begin, i, end);
}

void DropF32(const Dropping& p, const float* x, float* y, int64_t begin, int64_t end) {
  written_past(p.past, end - begin, 1, y, [&](int64_t first, int64_t count, float* to) HWY_ATTR {
    drop(p, x, to, begin + first, begin + first + count);
  });
}
void DropBF16(const Dropping& p, const BFloat16* x, BFloat16* y, int64_t begin, int64_t end) {
  drop(p, x, y, begin, end);
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(DropF32);
HWY_EXPORT(DropBF16);

void drop(const Dropping& p, const float* x, float* y, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(DropF32)(p, x, y, begin, end);
}
void drop(const Dropping& p, const BFloat16* x, BFloat16* y, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(DropBF16)(p, x, y, begin, end);
}
void drop(const Dropping& p, const double* x, double* y, int64_t begin, int64_t end) { drop_some(p, x, y, begin, end); }

template <class S>
void drop_all(uint64_t key, double probability, std::span<const S> x, std::span<S> y) {
  apply_isa_limit();
  // Of the 64 bits the upper 53 are compared: the same as comparing all with a limit whose lower 11 are 0.
  const bool past = static_cast<int64_t>(y.size_bytes()) >= beyond_caches && x.data() != y.data();
  const Dropping p{key, static_cast<uint64_t>(probability * 0x1.0p53) << 11, 1.0 / (1.0 - probability), past};
  parallel_for(static_cast<int64_t>(y.size()), elementwise_grain,
               [&](int64_t begin, int64_t end) { drop(p, x.data(), y.data() + begin, begin, end); });
}

}  // namespace

void dropout(uint64_t key, double probability, std::span<const float> x, std::span<float> y) {
  drop_all(key, probability, x, y);
}
void dropout(uint64_t key, double probability, std::span<const double> x, std::span<double> y) {
  drop_all(key, probability, x, y);
}
void dropout(uint64_t key, double probability, std::span<const BFloat16> x, std::span<BFloat16> y) {
  drop_all(key, probability, x, y);
}

}  // namespace tandem::kernels
#endif
