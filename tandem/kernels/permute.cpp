#include <hwy/highway.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/permute.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tandem::kernels {
namespace {

// An axis of the result: how many items, and how far apart (in items) they lie in either array.
struct Axis {
  int64_t size, from, to;
};

// The result's axes, outermost first, without those of size 1, neighbours that stay neighbours made one.
struct Axes {
  std::array<Axis, Shape::max_rank> all;
  int count = 0;

  Axes(const Shape& shape, std::span<const int> order) {
    for (const int axis : order) {
      const int64_t size = shape[axis], from = shape.product(axis + 1, shape.rank());
      if (size == 1) continue;
      if (count > 0 && at(count - 1).from == from * size)
        at(count - 1) = {at(count - 1).size * size, from, 0};
      else
        at(count++) = {size, from, 0};
    }
    int64_t to = 1;
    for (int i = count; i-- > 0; to *= at(i).size) at(i).to = to;
  }
  Axis& at(int i) { return all[static_cast<size_t>(i)]; }
  Axis take(int i) {
    const Axis taken = at(i);
    std::copy(all.begin() + i + 1, all.begin() + count--, all.begin() + i);
    return taken;
  }
  [[nodiscard]] int64_t items() const {
    int64_t n = 1;
    for (int i = 0; i < count; ++i) n *= all[static_cast<size_t>(i)].size;
    return n;
  }
  // Where item `index` of these axes begins in either array.
  [[nodiscard]] std::pair<int64_t, int64_t> place(int64_t index) const {
    int64_t from = 0, to = 0;
    for (int i = count; i-- > 0;) {
      const Axis& a = all[static_cast<size_t>(i)];
      from += index % a.size * a.from, to += index % a.size * a.to;
      index /= a.size;
    }
    return {from, to};
  }
};

// to[i * to_step + j] = from[i + j * from_step] for 4 x 4 items: vectors of 128 bits, interleaved twice.
void turn_four(const uint32_t* from, int64_t from_step, uint32_t* to, int64_t to_step) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::CappedTag<uint32_t, 4> d;
  const hn::CappedTag<uint64_t, 2> wide;
  const auto row = [&](int64_t j) { return hn::LoadU(d, from + j * from_step); };
  const auto r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
  const auto a = hn::BitCast(wide, hn::InterleaveLower(d, r0, r1)),
             b = hn::BitCast(wide, hn::InterleaveLower(d, r2, r3));
  const auto c = hn::BitCast(wide, hn::InterleaveUpper(d, r0, r1)),
             e = hn::BitCast(wide, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, a, b)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, a, b)), d, to + to_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, c, e)), d, to + 2 * to_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, c, e)), d, to + 3 * to_step);
}

// to[i * to_step + j] = from[i + j * from_step] for m x n items.
template <class T>
void turn(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t m, int64_t n) {
  int64_t i = 0;
  if constexpr (sizeof(T) == 4)
    for (; i + 4 <= m; i += 4) {
      int64_t j = 0;
      for (; j + 4 <= n; j += 4) turn_four(from + i + j * from_step, from_step, to + i * to_step + j, to_step);
      for (; j < n; ++j)
        for (int64_t k = i; k < i + 4; ++k) to[k * to_step + j] = from[k + j * from_step];
    }
  for (; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) to[i * to_step + j] = from[i + j * from_step];
}

// Tiles of a line of the cache by so many: what is read and written of one stays in the nearest cache.
template <class T>
void permute_items(Axes axes, const T* from, T* to) {
  constexpr int64_t line = 64 / sizeof(T), tile = 64;
  const Axis last = axes.take(axes.count - 1);
  if (last.from == 1) {  // whole lines stay as they are
    parallel_for(axes.items(), std::max<int64_t>(1, elementwise_grain / last.size), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        std::memcpy(to + i * last.size, from + axes.place(i).first, static_cast<size_t>(last.size) * sizeof(T));
    });
    return;
  }
  int inner = 0;  // the axis whose items are neighbours in `from`
  while (axes.at(inner).from != 1) ++inner;
  const Axis first = axes.take(inner);
  const int64_t strips = (first.size + line - 1) / line;
  parallel_for(axes.items() * strips,
               std::max<int64_t>(1, elementwise_grain / (std::min(line, first.size) * last.size)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t task = begin; task < end; ++task) {
                   const auto [at, into] = axes.place(task / strips);
                   const int64_t i = task % strips * line, m = std::min(line, first.size - i);
                   for (int64_t j = 0; j < last.size; j += tile)
                     turn(from + at + i + j * last.from, last.from, to + into + i * first.to + j, first.to, m,
                          std::min(tile, last.size - j));
                 }
               });
}

}  // namespace

void permute(size_t item, const Shape& shape, std::span<const int> order, const void* from, void* to) {
  if (shape.numel() == 0) return;
  const Axes axes(shape, order);
  const auto run = [&]<class T>(T) { permute_items(axes, static_cast<const T*>(from), static_cast<T*>(to)); };
  if (axes.count == 0)
    std::memcpy(to, from, item);
  else if (item == 1)
    run(uint8_t{});
  else if (item == 2)
    run(uint16_t{});
  else if (item == 4)
    run(uint32_t{});
  else
    run(uint64_t{});
}

}  // namespace tandem::kernels
