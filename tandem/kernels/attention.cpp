#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/attention.h>
#include <tandem/kernels/isa.h>

#include <algorithm>
#include <cmath>
#include <vector>

#ifndef TANDEM_ATTENTION_PARTS  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_ATTENTION_PARTS
namespace tandem::kernels {
namespace {

constexpr int64_t most_keys = 64;     // of a panel: four vectors of 64 bytes
constexpr int64_t query_block = 48;   // queries whose scores with a panel are kept for the gradient
constexpr int64_t query_chunk = 256;  // queries of one task

// How many keys query i sees.
template <class T>
int64_t visible(const AttentionShape& s, const AttentionPart<T>& p, int64_t i) {
  return s.causal ? p.keys - p.queries + i + 1 : p.keys;
}

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <tandem/kernels/math-inl.h>
#include <tandem/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

constexpr int vectors = 4;
template <class T>
constexpr int64_t panel_keys = vectors* lanes<T>;

// to[c, l] = from[l, c]: `count` rows as columns of a panel, zeros behind them.
template <class T>
void pack(const T* from, int64_t row, int64_t count, int64_t size, T* to) {
  for (int64_t l = 0; l < panel_keys<T>; ++l)
    if (l < count)
      for (int64_t c = 0; c < size; ++c) to[c * panel_keys<T> + l] = from[l * row + c];
    else
      for (int64_t c = 0; c < size; ++c) to[c * panel_keys<T> + l] = T{0};
}

// c = factor(r) * c + left · b for Rows rows of `size` columns; `left` as in add_products, b and c by their rows.
template <int Rows, class T, class Left, class Factor>
HWY_INLINE void add_rows(const Left& left, const T* b, int64_t b_row, int64_t depth, int64_t size, const Factor& factor,
                         T* c, int64_t c_row) {
  const Tag<T> d;
  for (int64_t at = 0; at < size; at += vectors * lanes<T>) {
    const int64_t width = std::min(size - at, vectors * lanes<T>);
    with_constant<vectors>((width + lanes<T> - 1) / lanes<T>, [&](auto wide) HWY_ATTR {
      const int64_t rest = width - (wide - 1) * lanes<T>;
      const auto mask = hn::FirstN(d, static_cast<size_t>(rest));
      Vector<T> sum[Rows][wide];
      for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < wide; ++v) {
          const T* from = c + r * c_row + at + v * lanes<T>;
          const auto old = v + 1 == wide ? hn::MaskedLoad(mask, d, from) : hn::LoadU(d, from);
          sum[r][v] = hn::Mul(old, hn::Set(d, factor(r)));
        }
      if (rest == lanes<T>)
        add_products<false, Rows, wide, T>(left, b + at, b_row, depth, mask, sum);
      else
        add_products<true, Rows, wide, T>(left, b + at, b_row, depth, mask, sum);
      for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < wide; ++v) {
          T* to = c + r * c_row + at + v * lanes<T>;
          if (v + 1 == wide)
            hn::BlendedStore(sum[r][v], mask, d, to);
          else
            hn::StoreU(sum[r][v], d, to);
        }
    });
  }
}

// Scores of Rows queries with a panel, before the softmax.
template <int Rows, class T>
HWY_INLINE void scores(const T* q, int64_t q_row, const T* panel, int64_t size, Vector<T> (&sum)[Rows][vectors]) {
  const Tag<T> d;
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < vectors; ++v) sum[r][v] = hn::Zero(d);
  add_products<Rows, vectors, T>([&](int r, int64_t c) { return q[r * q_row + c]; }, panel, size, sum);
}

// Lanes of vector v from `limit` on, counted over the panel, become `value`.
template <class T>
HWY_INLINE Vector<T> hide(Vector<T> x, int v, int64_t limit, Vector<T> value) {
  const Tag<T> d;
  const int64_t seen = std::clamp<int64_t>(limit - v * lanes<T>, 0, lanes<T>);
  return hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(seen)), x, value);
}

// Queries [first, last) of one head; `room`: panels of all keys, then a tile's weights and results.
template <class T>
void forward(const AttentionShape& s, const AttentionPart<T>& p, int64_t head, int64_t first, int64_t last, T* room) {
  constexpr int64_t panel = panel_keys<T>;
  const Tag<T> d;
  const int64_t size = s.size, shared = head / (s.heads / s.key_heads) * size;
  const T *k = p.k + shared, *v = p.v + shared;
  const int64_t keys = visible(s, p, last - 1), panels = (keys + panel - 1) / panel;
  for (int64_t j = 0; j < panels; ++j)
    pack(k + j * panel * s.kv_row, s.kv_row, std::min(panel, keys - j * panel), size, room + j * panel * size);
  T *weights = room + panels * panel * size, *out = weights + tile_rows * panel;
  const auto scale = hn::Set(d, static_cast<T>(1 / std::sqrt(static_cast<double>(size))));
  const auto nothing = hn::Neg(hn::Inf(d));
  for (int64_t i = first; i < last; i += tile_rows)
    with_constant<tile_rows>(std::min<int64_t>(tile_rows, last - i), [&](auto rows) HWY_ATTR {
      const T* q = p.q + i * s.q_row + head * size;
      T most[rows], sum_of[rows], kept[rows];  // kept: what the results so far are worth under the new maximum
      for (int r = 0; r < rows; ++r) most[r] = -static_cast<T>(INFINITY), sum_of[r] = 0;
      std::fill_n(out, rows * size, T{0});
      const int64_t seen = visible(s, p, i + rows - 1);
      for (int64_t j = 0; j * panel < seen; ++j) {
        Vector<T> x[rows][vectors];
        scores<rows, T>(q, s.q_row, room + j * panel * size, size, x);
        for (int r = 0; r < rows; ++r) {
          const int64_t limit = visible(s, p, i + r) - j * panel;
          auto top = nothing;
          for (int w = 0; w < vectors; ++w) {
            x[r][w] = hn::Mul(x[r][w], scale);
            if (limit < panel) x[r][w] = hide<T>(x[r][w], w, limit, nothing);
            top = hn::Max(top, x[r][w]);
          }
          const T now = std::max(most[r], hn::GetLane(hn::MaxOfLanes(d, top)));
          kept[r] = now == most[r] ? T{1} : std::exp(most[r] - now);
          most[r] = now;
          auto total = hn::Zero(d);
          for (int w = 0; w < vectors; ++w) {
            const auto e = exp_below_zero(d, hn::Sub(x[r][w], hn::Set(d, now)));
            total = hn::Add(total, e);
            hn::StoreU(e, d, weights + r * panel + w * lanes<T>);
          }
          sum_of[r] = sum_of[r] * kept[r] + hn::GetLane(hn::SumOfLanes(d, total));
        }
        add_rows<rows, T>([&](int r, int64_t key) { return weights[r * panel + key]; }, v + j * panel * s.kv_row,
                          s.kv_row, std::min(panel, seen - j * panel), size, [&](int r) { return kept[r]; }, out, size);
      }
      for (int r = 0; r < rows; ++r) {
        T* y = p.y + (i + r) * s.y_row + head * size;
        const T share = T{1} / sum_of[r];
        for (int64_t c = 0; c < size; ++c) y[c] = out[r * size + c] * share;
        if (p.lse) p.lse[head * p.queries + i + r] = most[r] + std::log(sum_of[r]);
      }
    });
}

// One query, as when a text is written word by word: nothing is packed. `room`: a number for each key.
template <class T>
void forward_one(const AttentionShape& s, const AttentionPart<T>& p, int64_t head, int64_t i, T* room) {
  const Tag<T> d;
  const int64_t size = s.size, shared = head / (s.heads / s.key_heads) * size, keys = visible(s, p, i);
  const T *q = p.q + i * s.q_row + head * size, *k = p.k + shared, *v = p.v + shared;
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(size)));
  T most = -static_cast<T>(INFINITY);
  for (int64_t j = 0; j < keys; ++j) {
    auto sum = hn::Zero(d);
    for (int64_t c = 0; c < size; c += lanes<T>) {
      const Lane<T> lane(size - c);
      sum = hn::MulAdd(lane.load(q + c), lane.load(k + j * s.kv_row + c), sum);
    }
    room[j] = hn::GetLane(hn::SumOfLanes(d, sum)) * scale;
    most = std::max(most, room[j]);
  }
  auto total = hn::Zero(d);
  for (int64_t j = 0; j < keys; j += lanes<T>) {
    const Lane<T> lane(keys - j);
    const auto e = exp_below_zero(d, hn::Sub(lane.load(room + j), hn::Set(d, most)));
    lane.store(e, room + j);
    total = hn::Add(total, hn::IfThenElseZero(lane.mask, e));
  }
  const T sum = hn::GetLane(hn::SumOfLanes(d, total));
  T* y = p.y + i * s.y_row + head * size;
  std::fill_n(y, size, T{0});
  add_rows<1, T>([&](int, int64_t key) { return room[key]; }, v, s.kv_row, keys, size, [](int) { return T{1}; }, y,
                 s.y_row);
  for (int64_t c = 0; c < size; ++c) y[c] /= sum;
  if (p.lse) p.lse[head * p.queries + i] = most + std::log(sum);
}

// All queries and keys of one head of the keys and the heads of the queries that share it. Ds is the gradient of the
// scores: with P the weights and Dp = gy vᵀ it is P (Dp - sum(gy y)); then gq = Ds k, gk = Dsᵀ q, gv = Pᵀ gy.
template <class T>
void backward(const AttentionShape& s, const AttentionGrad<T>& g, int64_t key_head, T* room) {
  constexpr int64_t panel = panel_keys<T>;
  const Tag<T> d;
  const AttentionPart<T>& p = g.part;
  const int64_t size = s.size, group = s.heads / s.key_heads, first_head = key_head * group, shared = key_head * size;
  const T *k = p.k + shared, *v = p.v + shared;
  T *k_packed = room, *v_packed = k_packed + panel * size, *gk = v_packed + panel * size, *gv = gk + panel * size;
  T *weights = gv + panel * size, *ds = weights + query_block * panel, *dots = ds + query_block * panel;
  const T scale_number = static_cast<T>(1 / std::sqrt(static_cast<double>(size)));
  const auto scale = hn::Set(d, scale_number);
  for (int64_t h = 0; h < group; ++h)
    for (int64_t i = 0; i < p.queries; ++i) {
      const int64_t at = (first_head + h) * size;
      const T *gy = g.gy + i * s.y_row + at, *y = p.y + i * s.y_row + at;
      auto sum = hn::Zero(d);
      for (int64_t c = 0; c < size; c += lanes<T>) {
        const Lane<T> lane(size - c);
        sum = hn::MulAdd(lane.load(gy + c), lane.load(y + c), sum);
      }
      dots[h * p.queries + i] = hn::GetLane(hn::SumOfLanes(d, sum));
      std::fill_n(g.gq + i * s.q_row + at, size, T{0});
    }
  const auto one = [](int) { return T{1}; };
  for (int64_t j = 0; j < p.keys; j += panel) {
    const int64_t keys = std::min(panel, p.keys - j);
    pack(k + j * s.kv_row, s.kv_row, keys, size, k_packed);
    pack(v + j * s.kv_row, s.kv_row, keys, size, v_packed);
    std::fill_n(gk, 2 * panel * size, T{0});  // gv too
    for (int64_t h = 0; h < group; ++h) {
      const int64_t head = first_head + h, at = head * size;
      const int64_t begin = s.causal ? std::max<int64_t>(0, j - (p.keys - p.queries)) : 0;
      for (int64_t block = begin; block < p.queries; block += query_block) {
        const int64_t count = std::min(query_block, p.queries - block);
        const T *q = p.q + block * s.q_row + at, *gy = g.gy + block * s.y_row + at;
        T* gq = g.gq + block * s.q_row + at;
        for (int64_t i = 0; i < count; i += tile_rows)
          with_constant<tile_rows>(std::min<int64_t>(tile_rows, count - i), [&](auto rows) HWY_ATTR {
            Vector<T> x[rows][vectors];
            scores<rows, T>(q + i * s.q_row, s.q_row, k_packed, size, x);
            for (int r = 0; r < rows; ++r) {
              const int64_t query = block + i + r, limit = std::min(keys, visible(s, p, query) - j);
              const auto lse = hn::Set(d, p.lse[head * p.queries + query]);
              for (int w = 0; w < vectors; ++w) {
                // Rounding may leave a score above its sum by a hair.
                const auto e = exp_of(d, hn::MulSub(x[r][w], scale, lse));
                hn::StoreU(limit < panel ? hide<T>(e, w, limit, hn::Zero(d)) : e, d,
                           weights + (i + r) * panel + w * lanes<T>);
              }
            }
            scores<rows, T>(gy + i * s.y_row, s.y_row, v_packed, size, x);
            for (int r = 0; r < rows; ++r) {
              const auto dot = hn::Set(d, dots[h * p.queries + block + i + r]);
              for (int w = 0; w < vectors; ++w) {
                const int64_t to = (i + r) * panel + w * lanes<T>;
                hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, weights + to), hn::Sub(x[r][w], dot)), scale), d, ds + to);
              }
            }
            add_rows<rows, T>([&](int r, int64_t key) { return ds[(i + r) * panel + key]; }, k + j * s.kv_row, s.kv_row,
                              keys, size, one, gq + i * s.q_row, s.q_row);
          });
        for (int64_t key = 0; key < keys; key += tile_rows)
          with_constant<tile_rows>(std::min<int64_t>(tile_rows, keys - key), [&](auto rows) HWY_ATTR {
            add_rows<rows, T>([&](int r, int64_t i) { return weights[i * panel + key + r]; }, gy, s.y_row, count, size,
                              one, gv + key * size, size);
            add_rows<rows, T>([&](int r, int64_t i) { return ds[i * panel + key + r]; }, q, s.q_row, count, size, one,
                              gk + key * size, size);
          });
      }
    }
    for (int64_t key = 0; key < keys; ++key) {
      std::copy_n(gk + key * size, size, g.gk + (j + key) * s.kv_row + shared);
      std::copy_n(gv + key * size, size, g.gv + (j + key) * s.kv_row + shared);
    }
  }
}

void ForwardF32(const AttentionShape& s, const AttentionPart<float>& p, int64_t head, int64_t first, int64_t last,
                float* room) {
  forward(s, p, head, first, last, room);
}
void ForwardF64(const AttentionShape& s, const AttentionPart<double>& p, int64_t head, int64_t first, int64_t last,
                double* room) {
  forward(s, p, head, first, last, room);
}
void OneF32(const AttentionShape& s, const AttentionPart<float>& p, int64_t head, int64_t i, float* room) {
  forward_one(s, p, head, i, room);
}
void OneF64(const AttentionShape& s, const AttentionPart<double>& p, int64_t head, int64_t i, double* room) {
  forward_one(s, p, head, i, room);
}
void BackwardF32(const AttentionShape& s, const AttentionGrad<float>& g, int64_t key_head, float* room) {
  backward(s, g, key_head, room);
}
void BackwardF64(const AttentionShape& s, const AttentionGrad<double>& g, int64_t key_head, double* room) {
  backward(s, g, key_head, room);
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardF64);
HWY_EXPORT(OneF32);
HWY_EXPORT(OneF64);
HWY_EXPORT(BackwardF32);
HWY_EXPORT(BackwardF64);

void forward(const AttentionShape& s, const AttentionPart<float>& p, int64_t head, int64_t first, int64_t last,
             float* room) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(s, p, head, first, last, room);
}
void forward(const AttentionShape& s, const AttentionPart<double>& p, int64_t head, int64_t first, int64_t last,
             double* room) {
  HWY_DYNAMIC_DISPATCH(ForwardF64)(s, p, head, first, last, room);
}
void forward_one(const AttentionShape& s, const AttentionPart<float>& p, int64_t head, int64_t i, float* room) {
  HWY_DYNAMIC_DISPATCH(OneF32)(s, p, head, i, room);
}
void forward_one(const AttentionShape& s, const AttentionPart<double>& p, int64_t head, int64_t i, double* room) {
  HWY_DYNAMIC_DISPATCH(OneF64)(s, p, head, i, room);
}
void backward(const AttentionShape& s, const AttentionGrad<float>& g, int64_t key_head, float* room) {
  HWY_DYNAMIC_DISPATCH(BackwardF32)(s, g, key_head, room);
}
void backward(const AttentionShape& s, const AttentionGrad<double>& g, int64_t key_head, double* room) {
  HWY_DYNAMIC_DISPATCH(BackwardF64)(s, g, key_head, room);
}

// Some queries of one head of one sequence.
struct Task {
  size_t part;
  int64_t head, first, last;
};

// Runs the tasks in order, several at a time; `work` products in all say whether threads pay.
template <class Fn>
void run(int64_t tasks, int64_t work, Fn&& fn) {
  parallel_for(tasks, std::max<int64_t>(1, tasks * 200'000 / std::max<int64_t>(1, work)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) fn(static_cast<size_t>(i));
               });
}

}  // namespace

template <class T>
void attention(const AttentionShape& s, std::span<const AttentionPart<T>> parts) {
  if (s.size == 0) return;
  apply_isa_limit();
  std::vector<Task> tasks;
  int64_t work = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    work += 2 * s.heads * s.size * parts[i].queries * parts[i].keys;
    for (int64_t head = 0; head < s.heads; ++head)
      for (int64_t first = 0; first < parts[i].queries; first += query_chunk)
        tasks.push_back({i, head, first, std::min(parts[i].queries, first + query_chunk)});
  }
  run(static_cast<int64_t>(tasks.size()), work, [&](size_t i) {
    const Task& t = tasks[i];
    const AttentionPart<T>& p = parts[t.part];
    const bool few = p.queries < 4;
    const int64_t keys = (p.keys + most_keys - 1) / most_keys * most_keys;
    const Block room(static_cast<size_t>(few ? keys : keys * s.size + 6 * (most_keys + s.size)) * sizeof(T));
    if (!few) return forward(s, p, t.head, t.first, t.last, room.as<T>());
    for (int64_t q = t.first; q < t.last; ++q) forward_one(s, p, t.head, q, room.as<T>());
  });
}

template <class T>
void attention_grad(const AttentionShape& s, std::span<const AttentionGrad<T>> parts) {
  if (s.size == 0) return;
  apply_isa_limit();
  int64_t work = 0;
  for (const AttentionGrad<T>& g : parts) work += 5 * s.heads * s.size * g.part.queries * g.part.keys;
  const auto heads = static_cast<size_t>(s.key_heads);
  run(static_cast<int64_t>(parts.size() * heads), work, [&](size_t i) {
    const AttentionGrad<T>& g = parts[i / heads];
    const int64_t numbers =
        4 * most_keys * s.size + 2 * query_block * most_keys + s.heads / s.key_heads * g.part.queries;
    const Block room(static_cast<size_t>(numbers) * sizeof(T));
    backward(s, g, static_cast<int64_t>(i % heads), room.as<T>());
  });
}

#define TANDEM_INSTANTIATE(T)                                                           \
  template void attention<T>(const AttentionShape&, std::span<const AttentionPart<T>>); \
  template void attention_grad<T>(const AttentionShape&, std::span<const AttentionGrad<T>>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
#endif
