// Writing past the caches: a line that nobody reads soon need not be fetched before it is written, nor push out others.
// Included once for each instruction set, as Highway's own -inl.h files are.
#if defined(TANDEM_KERNELS_STREAM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_KERNELS_STREAM_INL_H
#undef TANDEM_KERNELS_STREAM_INL_H
#else
#define TANDEM_KERNELS_STREAM_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>
#include <tandem/kernels/stream.h>

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// How many numbers stand before the first whole vector at `to`.
template <class D>
HWY_INLINE int64_t before_aligned(D d, const hn::TFromD<D>* to) {
  const size_t bytes = hn::Lanes(d) * sizeof(*to);
  return static_cast<int64_t>((bytes - reinterpret_cast<uintptr_t>(to) % bytes) % bytes / sizeof(*to));
}

/// Copies n numbers past the caches.
template <class T>
HWY_INLINE void stream_copy(const T* from, T* to, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = std::min(before_aligned(d, to), n);
  std::copy_n(from, i, to);
  for (; i + lanes <= n; i += lanes) hn::Stream(hn::LoadU(d, from + i), d, to + i);
  std::copy_n(from + i, n - i, to + i);
}

/// Calls fn(first, count, to) for `rows` rows of `columns` numbers, so that they come to stand at `to`. With `past`
/// they are made in the nearest cache, some rows at a time, and written past the others in whole lines from there.
template <class T, class Fn>
HWY_INLINE void written_past(bool past, int64_t rows, int64_t columns, T* to, Fn&& fn) {
  constexpr int64_t gathered = 4096;
  HWY_ALIGN T buffer[gathered];
  const int64_t at_once = past ? gathered / columns : 0;
  if (at_once == 0) return fn(int64_t{0}, rows, to);
  for (int64_t first = 0; first < rows; first += at_once) {
    const int64_t count = std::min(at_once, rows - first);
    fn(first, count, buffer);
    stream_copy(buffer, to + first * columns, count * columns);
  }
  hwy::FlushStream();
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
