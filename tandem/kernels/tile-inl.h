// The heart of products: a tile of sums in registers. Included once for each instruction set, as Highway's own -inl.h
// files are.
#if defined(TANDEM_KERNELS_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_KERNELS_TILE_INL_H
#undef TANDEM_KERNELS_TILE_INL_H
#else
#define TANDEM_KERNELS_TILE_INL_H
#endif

#include <hwy/highway.h>
#include <tandem/kernels/constant-inl.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Vectors of up to 64 bytes.
template <class T>
using Tag = hn::CappedTag<T, 64 / sizeof(T)>;
template <class T>
using Vector = hn::Vec<Tag<T>>;
template <class T>
constexpr int64_t lanes = HWY_MIN(64, HWY_MAX_BYTES) / sizeof(T);
/// Rows of a tile of four vectors: 6 of them are 24 of 32 registers with AVX-512, 3 are 12 of 16 with AVX2.
constexpr int tile_rows = HWY_MAX_BYTES >= 64 ? 6 : 3;

/// sum[r][v] += left(r, k) * (vector v of row k of b) for k < depth. `Masked`: of the last vector only what `mask` has
/// is read.
template <bool Masked, int Rows, int Vectors, class T, class Left>
HWY_INLINE void add_products(const Left& left, const T* HWY_RESTRICT b, int64_t b_row, int64_t depth,
                             hn::Mask<Tag<T>> mask, Vector<T> (&sum)[Rows][Vectors]) {
  const Tag<T> d;
  for (int64_t k = 0; k < depth; ++k, b += b_row) {
    Vector<T> right[Vectors];
    for (int v = 0; v < Vectors; ++v)
      right[v] =
          Masked && v + 1 == Vectors ? hn::MaskedLoad(mask, d, b + v * lanes<T>) : hn::LoadU(d, b + v * lanes<T>);
    for (int r = 0; r < Rows; ++r) {
      const Vector<T> factor = hn::Set(d, left(r, k));
      for (int v = 0; v < Vectors; ++v) sum[r][v] = hn::MulAdd(factor, right[v], sum[r][v]);
    }
  }
}
/// The same for a packed panel of whole vectors, row after row.
template <int Rows, int Vectors, class T, class Left>
HWY_INLINE void add_products(const Left& left, const T* HWY_RESTRICT panel, int64_t depth,
                             Vector<T> (&sum)[Rows][Vectors]) {
  add_products<false, Rows, Vectors, T>(left, panel, Vectors * lanes<T>, depth, hn::FirstN(Tag<T>(), 0), sum);
}

/// A vector of `count` numbers: all lanes, or the first of them where a row ends.
template <class T>
struct Lane {
  Tag<T> d;
  hn::Mask<Tag<T>> mask;
  bool whole;
  explicit HWY_INLINE Lane(int64_t count)
      : mask(hn::FirstN(d, static_cast<size_t>(std::min(count, lanes<T>)))), whole(count >= lanes<T>) {}
  HWY_INLINE Vector<T> load(const T* from) const { return whole ? hn::LoadU(d, from) : hn::MaskedLoad(mask, d, from); }
  HWY_INLINE Vector<T> load_or_zero(const T* from) const { return from ? load(from) : hn::Zero(d); }
  HWY_INLINE void store(Vector<T> v, T* to) const {
    if (whole)
      hn::StoreU(v, d, to);
    else
      hn::BlendedStore(v, mask, d, to);
  }
};

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
