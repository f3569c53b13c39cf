// Vectors of numbers from and to memory, where bfloat16 is stored and float is calculated in; for any tag of full
// width. Included once for each instruction set, as Highway's own -inl.h files are.
#if defined(TANDEM_KERNELS_STORAGE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_KERNELS_STORAGE_INL_H
#undef TANDEM_KERNELS_STORAGE_INL_H
#else
#define TANDEM_KERNELS_STORAGE_INL_H
#endif

#include <hwy/highway.h>
#include <tandem/base/bfloat16.h>

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load_from(D d, const hn::TFromD<D>* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load_from(D d, const BFloat16* from) {
  const hn::RebindToUnsigned<D> u32;
  const hn::Rebind<uint16_t, D> u16;
  const auto bits = hn::LoadU(u16, reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(u32, bits)));
}

template <class D>
HWY_INLINE void store_to(hn::Vec<D> v, D d, hn::TFromD<D>* to) {
  hn::StoreU(v, d, to);
}
template <class D>
HWY_INLINE void store_to(hn::Vec<D> v, D, BFloat16* to) {  // rounds as BFloat16(float) does
  const hn::RebindToUnsigned<D> u32;
  const hn::RebindToSigned<D> i32;
  const hn::Rebind<uint16_t, D> u16;
  const auto bits = hn::BitCast(u32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(u32, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(u32, 0x7fff)));
  const auto quiet = hn::Or(bits, hn::Set(u32, 0x0040'0000));
  const auto chosen = hn::IfThenElse(hn::RebindMask(u32, hn::IsNaN(v)), quiet, rounded);
  hn::StoreU(hn::DemoteTo(u16, hn::BitCast(i32, hn::ShiftRight<16>(chosen))), u16, reinterpret_cast<uint16_t*>(to));
}

/// The first `count` numbers, fewer than a vector has; the rest are 0, and memory behind them is not touched.
template <class D>
HWY_INLINE hn::Vec<D> load_first(D d, int64_t count, const hn::TFromD<D>* from) {
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(count)), d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load_first(D d, int64_t count, const BFloat16* from) {  // AVX2 has no masks for 16 bits
  BFloat16 all[hn::MaxLanes(D())] = {};
  std::memcpy(all, from, static_cast<size_t>(count) * sizeof(BFloat16));
  return load_from(d, all);
}
template <class D>
HWY_INLINE void store_first(hn::Vec<D> v, D d, int64_t count, hn::TFromD<D>* to) {
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, to);
}
template <class D>
HWY_INLINE void store_first(hn::Vec<D> v, D d, int64_t count, BFloat16* to) {
  BFloat16 all[hn::MaxLanes(D())];
  store_to(v, d, all);
  std::memcpy(to, all, static_cast<size_t>(count) * sizeof(BFloat16));
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
