#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/bfloat16.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/matmul_bf16.h>
#include <tandem/kernels/recurrent.h>

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <vector>

#ifndef TANDEM_RECURRENT_LAYOUT  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_RECURRENT_LAYOUT
namespace tandem::kernels {
namespace {

// A sequence of a block: its number, its first row and its length.
struct Run {
  int64_t number, start, length;
};

// Sequences that one thread takes through all steps, the longest first.
struct Sequences {
  const Run* runs;
  int64_t count;
  bool reverse;

  [[nodiscard]] int64_t steps() const { return count == 0 ? 0 : runs[0].length; }
  // How many still run at a step.
  [[nodiscard]] int64_t active(int64_t step) const {
    int64_t n = count;
    while (n > 0 && runs[n - 1].length <= step) --n;
    return n;
  }
  // The row of a sequence at a step.
  [[nodiscard]] int64_t row(int64_t i, int64_t step) const {
    return runs[i].start + (reverse ? runs[i].length - 1 - step : step);
  }
};

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/recurrent.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <tandem/kernels/math-inl.h>
#include <tandem/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// Vectors side by side in a panel of the packed weight: the gates of so many units, or neighbouring units.
constexpr int panel_vectors(Cell cell) { return cell == Cell::gru ? 3 : 4; }
// The way back takes 6 rows and 2 vectors where AVX2 has 16 registers: 3 and 4 leave none for what is multiplied.
constexpr int back_vectors = HWY_MAX_BYTES >= 64 ? 4 : 2, back_rows = 6;
constexpr int64_t kept_depth = 128;  // of a panel stay in the nearest cache while all sequences go through them

// What one unit's vector needs of its token.
template <class T>
struct Place {
  T *gates, *y, *kept;       // of this token
  const T *last_h, *last_c;  // of the token before; null: zeros
};

// Of a sequence of the block at a step. Cells are kept for lstm only.
template <class T>
Place<T> place_of(Cell cell, const RecurrentForward<T>& f, int64_t hidden, const Sequences& s, int64_t i,
                  int64_t step) {
  const auto before = [&](std::span<const T> all, std::span<const T> start) -> const T* {
    if (step > 0) return all.data() + s.row(i, step - 1) * hidden;
    return start.empty() ? nullptr : start.data() + s.runs[i].number * hidden;
  };
  const int64_t at = s.row(i, step);
  return {f.gates.data() + at * gates_of(cell) * hidden, f.y.data() + at * hidden,
          f.kept.empty() ? nullptr : f.kept.data() + at * hidden, before(f.y, f.h0),
          cell == Cell::lstm ? before(f.kept, f.c0) : nullptr};
}

// The gates of up to a vector of units, from the sums with the last state.
template <Cell cell, int Vectors, class T>
HWY_INLINE void finish(const RecurrentForward<T>& f, int64_t hidden, const Place<T>& p, int64_t u,
                       const Vector<T> (&sum)[Vectors]) {
  const Tag<T> d;
  if constexpr (cell == Cell::lstm) {
    const Lane<T> lane(hidden - u);
    T* at = p.gates + u;
    const auto i = sigmoid_of(d, hn::Add(lane.load(at), sum[0]));
    const auto forget = sigmoid_of(d, hn::Add(lane.load(at + hidden), sum[1]));
    const auto g = tanh_of(d, hn::Add(lane.load(at + 2 * hidden), sum[2]));
    const auto o = sigmoid_of(d, hn::Add(lane.load(at + 3 * hidden), sum[3]));
    const auto c = hn::MulAdd(forget, lane.load_or_zero(p.last_c ? p.last_c + u : nullptr), hn::Mul(i, g));
    lane.store(i, at), lane.store(forget, at + hidden), lane.store(g, at + 2 * hidden), lane.store(o, at + 3 * hidden);
    lane.store(c, p.kept + u);
    lane.store(hn::Mul(o, tanh_of(d, c)), p.y + u);
  } else if constexpr (cell == Cell::gru) {
    const Lane<T> lane(hidden - u);
    T* at = p.gates + u;
    const auto r = sigmoid_of(d, hn::Add(lane.load(at), sum[0]));
    const auto z = sigmoid_of(d, hn::Add(lane.load(at + hidden), sum[1]));
    const auto product = hn::Add(sum[2], lane.load_or_zero(f.bias.empty() ? nullptr : f.bias.data() + u));
    const auto n = tanh_of(d, hn::MulAdd(r, product, lane.load(at + 2 * hidden)));
    const auto last = lane.load_or_zero(p.last_h ? p.last_h + u : nullptr);
    lane.store(r, at), lane.store(z, at + hidden), lane.store(n, at + 2 * hidden);
    lane.store(product, p.kept + u);
    lane.store(hn::MulAdd(z, hn::Sub(last, n), n), p.y + u);  // (1 - z) n + z h
  } else {
    for (int v = 0; v < Vectors && u + v * lanes<T> < hidden; ++v) {
      const int64_t unit = u + v * lanes<T>;
      const Lane<T> lane(hidden - unit);
      const auto s = hn::Add(lane.load(p.gates + unit), sum[v]);
      lane.store(cell == Cell::rnn_relu ? hn::IfThenElse(hn::Lt(s, hn::Zero(d)), hn::Zero(d), s) : tanh_of(d, s),
                 p.y + unit);
    }
  }
}

template <Cell cell, class T>
void forward(const RecurrentForward<T>& f, int64_t hidden, const Sequences& s, const T* packed) {
  constexpr int vectors = panel_vectors(cell);
  constexpr int64_t units = (gates_of(cell) == 1 ? vectors : 1) * lanes<T>;  // of a panel
  const Tag<T> d;
  for (int64_t step = 0; step < s.steps(); ++step) {
    const int64_t active = s.active(step);
    for (int64_t u = 0; u < hidden; u += units) {
      const T* panel = packed + u / units * hidden * vectors * lanes<T>;
      for (int64_t first = 0; first < active; first += tile_rows)
        with_constant<tile_rows>(std::min<int64_t>(tile_rows, active - first), [&](auto rows) HWY_ATTR {
          Place<T> place[rows];
          const T* last[rows];
          bool any = false;
          for (int r = 0; r < rows; ++r) {
            place[r] = place_of(cell, f, hidden, s, first + r, step);
            last[r] = place[r].last_h;
            any = last[r] != nullptr;
          }
          Vector<T> sum[rows][vectors];
          for (int r = 0; r < rows; ++r)
            for (int v = 0; v < vectors; ++v) sum[r][v] = hn::Zero(d);
          if (any) add_products<rows, vectors, T>([&](int r, int64_t k) { return last[r][k]; }, panel, hidden, sum);
          for (int r = 0; r < rows; ++r) finish<cell, vectors, T>(f, hidden, place[r], u, sum[r]);
        });
    }
  }
}

// One step of all sequences, from their products with the last states: sequences x gates * hidden.
template <Cell cell>
void finish_step(const RecurrentForward<float>& f, int64_t hidden, const Sequences& s, int64_t step,
                 const float* products) {
  constexpr int vectors = panel_vectors(cell);
  constexpr int64_t units = (gates_of(cell) == 1 ? vectors : 1) * lanes<float>;
  const int64_t apart = gates_of(cell) == 1 ? lanes<float> : hidden;  // neighbouring units, or gates of the same
  for (int64_t i = 0; i < s.active(step); ++i, products += gates_of(cell) * hidden) {
    const Place<float> place = place_of(cell, f, hidden, s, i, step);
    for (int64_t u = 0; u < hidden; u += units) {
      Vector<float> sum[vectors];
      for (int v = 0; v < vectors; ++v) {
        const int64_t left = hidden - u - (gates_of(cell) == 1 ? v * lanes<float> : 0);
        sum[v] = left > 0 ? Lane<float>(left).load(products + u + v * apart) : hn::Zero(Tag<float>());
      }
      finish<cell, vectors, float>(f, hidden, place, u, sum);
    }
  }
}

// The gradient of one token's sums from that of its state, dh; what goes straight to the state before stays in dh.
template <Cell cell, class T>
HWY_INLINE void gate_gradients(int64_t hidden, const Place<const T>& p, const T* gy, T* gates, T* hidden_side, T* dh,
                               T* dc) {
  const Tag<T> d;
  const auto one = hn::Set(d, 1);
  for (int64_t u = 0; u < hidden; u += lanes<T>) {
    const Lane<T> lane(hidden - u);
    const auto g_h = hn::Add(lane.load(gy + u), lane.load(dh + u));
    if constexpr (cell == Cell::lstm) {
      T* at = gates + u;
      const auto i = lane.load(at), f = lane.load(at + hidden), g = lane.load(at + 2 * hidden),
                 o = lane.load(at + 3 * hidden);
      const auto tc = tanh_of(d, lane.load(p.kept + u));
      const auto g_c = hn::MulAdd(hn::Mul(g_h, o), hn::NegMulAdd(tc, tc, one), lane.load(dc + u));
      const auto last_c = lane.load_or_zero(p.last_c ? p.last_c + u : nullptr);
      lane.store(hn::Mul(hn::Mul(g_c, g), hn::Mul(i, hn::Sub(one, i))), at);
      lane.store(hn::Mul(hn::Mul(g_c, last_c), hn::Mul(f, hn::Sub(one, f))), at + hidden);
      lane.store(hn::Mul(hn::Mul(g_c, i), hn::NegMulAdd(g, g, one)), at + 2 * hidden);
      lane.store(hn::Mul(hn::Mul(g_h, tc), hn::Mul(o, hn::Sub(one, o))), at + 3 * hidden);
      lane.store(hn::Mul(g_c, f), dc + u);
      lane.store(hn::Zero(d), dh + u);
    } else if constexpr (cell == Cell::gru) {
      T *at = gates + u, *side = hidden_side + u;
      const auto r = lane.load(at), z = lane.load(at + hidden), n = lane.load(at + 2 * hidden);
      const auto last = lane.load_or_zero(p.last_h ? p.last_h + u : nullptr);
      const auto g_n = hn::Mul(hn::Mul(g_h, hn::Sub(one, z)), hn::NegMulAdd(n, n, one));
      const auto g_z = hn::Mul(hn::Mul(g_h, hn::Sub(last, n)), hn::Mul(z, hn::Sub(one, z)));
      const auto g_r = hn::Mul(hn::Mul(g_n, lane.load(p.kept + u)), hn::Mul(r, hn::Sub(one, r)));
      lane.store(g_r, at), lane.store(g_z, at + hidden), lane.store(g_n, at + 2 * hidden);
      lane.store(g_r, side), lane.store(g_z, side + hidden), lane.store(hn::Mul(g_n, r), side + 2 * hidden);
      lane.store(hn::Mul(g_h, z), dh + u);
    } else {
      const auto y = lane.load(p.y + u);
      lane.store(cell == Cell::rnn_relu ? hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), g_h)
                                        : hn::Mul(g_h, hn::NegMulAdd(y, y, one)),
                 gates + u);
      lane.store(hn::Zero(d), dh + u);
    }
  }
}

// Of all sequences that have this step.
template <Cell cell, class T>
void gate_gradients(const RecurrentBackward<T>& b, int64_t hidden, const Sequences& s, int64_t step, T* dh, T* dc) {
  constexpr int64_t gates = gates_of(cell);
  for (int64_t i = 0; i < s.active(step); ++i) {
    const int64_t at = s.row(i, step);
    const auto last = [&](std::span<const T> all, std::span<const T> start) -> const T* {
      if (step > 0) return all.data() + s.row(i, step - 1) * hidden;
      return start.empty() ? nullptr : start.data() + s.runs[i].number * hidden;
    };
    const Place<const T> p{nullptr, b.y.data() + at * hidden, b.kept.empty() ? nullptr : b.kept.data() + at * hidden,
                           last(b.y, b.h0), cell == Cell::lstm ? last(b.kept, b.c0) : nullptr};
    gate_gradients<cell, T>(hidden, p, b.gy.data() + at * hidden, b.gates.data() + at * gates * hidden,
                            cell == Cell::gru ? b.hidden_side.data() + at * gates * hidden : nullptr, dh + i * hidden,
                            dc + i * hidden);
  }
}

// dh, dc: sequences x hidden numbers of the block, zeros before: the gradients of its states and cells.
template <Cell cell, class T>
void backward(const RecurrentBackward<T>& b, int64_t hidden, const Sequences& s, const T* packed, T* dh, T* dc) {
  constexpr int vectors = back_vectors;
  constexpr int64_t gates = gates_of(cell), columns = vectors * lanes<T>;
  const Tag<T> d;
  const T* side = cell == Cell::gru ? b.hidden_side.data() : b.gates.data();
  for (int64_t step = s.steps(); step-- > 0;) {
    const int64_t active = s.active(step);
    gate_gradients<cell, T>(b, hidden, s, step, dh, dc);
    if (step == 0 && b.g_h0.empty()) break;
    for (int64_t u = 0; u < hidden; u += columns) {  // dh += gradient of the products, times the weight
      const T* panel = packed + u * gates * hidden;
      for (int64_t k = 0; k < gates * hidden; k += kept_depth)
        for (int64_t first = 0; first < active; first += back_rows)
          with_constant<back_rows>(std::min<int64_t>(back_rows, active - first), [&](auto rows) HWY_ATTR {
            const T* from[rows];
            T* into[rows];
            Vector<T> sum[rows][vectors];
            for (int r = 0; r < rows; ++r) {
              from[r] = side + s.row(first + r, step) * gates * hidden + k;
              into[r] = dh + (first + r) * hidden + u;
              for (int v = 0; v < vectors; ++v)
                sum[r][v] = u + v * lanes<T> < hidden ? Lane<T>(hidden - u - v * lanes<T>).load(into[r] + v * lanes<T>)
                                                      : hn::Zero(d);
            }
            add_products<rows, vectors, T>([&](int r, int64_t i) { return from[r][i]; }, panel + k * columns,
                                           std::min(kept_depth, gates * hidden - k), sum);
            for (int r = 0; r < rows; ++r)
              for (int v = 0; v < vectors && u + v * lanes<T> < hidden; ++v)
                Lane<T>(hidden - u - v * lanes<T>).store(sum[r][v], into[r] + v * lanes<T>);
          });
    }
  }
}

template <class Fn>
void with_cell(Cell cell, Fn&& fn) {
  switch (cell) {
    case Cell::rnn_tanh: return fn(std::integral_constant<Cell, Cell::rnn_tanh>());
    case Cell::rnn_relu: return fn(std::integral_constant<Cell, Cell::rnn_relu>());
    case Cell::lstm: return fn(std::integral_constant<Cell, Cell::lstm>());
    case Cell::gru: return fn(std::integral_constant<Cell, Cell::gru>());
  }
}

// Panel `index` of the weight as the forward pass goes through it: by the state's unit k, the gates of some units.
template <class T>
void pack_forward(Cell cell, int64_t hidden, int64_t index, const T* weight, T* packed) {
  const int64_t vectors = panel_vectors(cell), gates = gates_of(cell), width = vectors * lanes<T>;
  T* panel = packed + index * hidden * width;
  for (int64_t v = 0; v < vectors; ++v)
    for (int64_t l = 0; l < lanes<T>; ++l) {
      const int64_t unit = (gates == 1 ? index * vectors + v : index) * lanes<T> + l;
      const T* from = weight + ((gates == 1 ? 0 : v) * hidden + unit) * hidden;
      T* to = panel + v * lanes<T> + l;
      for (int64_t k = 0; k < hidden; ++k) to[k * width] = unit < hidden ? from[k] : T{0};
    }
}

// And the backward pass: by a gate's unit k, some vectors of the state's units.
template <class T>
void pack_backward(Cell cell, int64_t hidden, int64_t index, const T* weight, T* packed) {
  const int64_t width = back_vectors * lanes<T>, depth = gates_of(cell) * hidden, first = index * width;
  const int64_t count = std::min(width, hidden - first);
  T* to = packed + index * depth * width;
  for (int64_t k = 0; k < depth; ++k, to += width) {
    std::copy_n(weight + k * hidden + first, count, to);
    std::fill(to + count, to + width, T{0});
  }
}

template <class T>
int64_t panels(Cell cell, int64_t hidden, bool is_forward) {
  const int64_t units = lanes<T> * (!is_forward ? back_vectors : gates_of(cell) > 1 ? 1 : panel_vectors(cell));
  return (hidden + units - 1) / units;
}
int64_t PanelsF32(Cell cell, int64_t hidden, bool is_forward) { return panels<float>(cell, hidden, is_forward); }
int64_t PanelsF64(Cell cell, int64_t hidden, bool is_forward) { return panels<double>(cell, hidden, is_forward); }
template <class T>
void pack(Cell cell, int64_t hidden, bool is_forward, int64_t index, const T* weight, T* packed) {
  if (is_forward)
    pack_forward(cell, hidden, index, weight, packed);
  else
    pack_backward(cell, hidden, index, weight, packed);
}
void PackF32(Cell cell, int64_t hidden, bool is_forward, int64_t index, const float* weight, float* packed) {
  pack(cell, hidden, is_forward, index, weight, packed);
}
void PackF64(Cell cell, int64_t hidden, bool is_forward, int64_t index, const double* weight, double* packed) {
  pack(cell, hidden, is_forward, index, weight, packed);
}
void ForwardF32(Cell cell, const RecurrentForward<float>& f, int64_t hidden, const Sequences& s, const float* packed) {
  with_cell(cell, [&](auto c) { forward<c, float>(f, hidden, s, packed); });
}
void ForwardF64(Cell cell, const RecurrentForward<double>& f, int64_t hidden, const Sequences& s,
                const double* packed) {
  with_cell(cell, [&](auto c) { forward<c, double>(f, hidden, s, packed); });
}
void BackwardF32(Cell cell, const RecurrentBackward<float>& b, int64_t hidden, const Sequences& s, const float* packed,
                 float* dh, float* dc) {
  with_cell(cell, [&](auto c) { backward<c, float>(b, hidden, s, packed, dh, dc); });
}
void BackwardF64(Cell cell, const RecurrentBackward<double>& b, int64_t hidden, const Sequences& s,
                 const double* packed, double* dh, double* dc) {
  with_cell(cell, [&](auto c) { backward<c, double>(b, hidden, s, packed, dh, dc); });
}
void FinishStep(Cell cell, const RecurrentForward<float>& f, int64_t hidden, const Sequences& s, int64_t step,
                const float* products) {
  with_cell(cell, [&](auto c) { finish_step<c>(f, hidden, s, step, products); });
}
void GateGradients(Cell cell, const RecurrentBackward<float>& b, int64_t hidden, const Sequences& s, int64_t step,
                   float* dh, float* dc) {
  with_cell(cell, [&](auto c) { gate_gradients<c, float>(b, hidden, s, step, dh, dc); });
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(PanelsF32);
HWY_EXPORT(PanelsF64);
HWY_EXPORT(PackF32);
HWY_EXPORT(PackF64);
HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardF64);
HWY_EXPORT(BackwardF32);
HWY_EXPORT(BackwardF64);
HWY_EXPORT(FinishStep);
HWY_EXPORT(GateGradients);

void pack_panel(Cell cell, int64_t hidden, bool forward, int64_t index, const float* weight, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackF32)(cell, hidden, forward, index, weight, packed);
}
void pack_panel(Cell cell, int64_t hidden, bool forward, int64_t index, const double* weight, double* packed) {
  HWY_DYNAMIC_DISPATCH(PackF64)(cell, hidden, forward, index, weight, packed);
}
void run(Cell cell, const RecurrentForward<float>& f, int64_t hidden, const Sequences& s, const float* packed) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(cell, f, hidden, s, packed);
}
void run(Cell cell, const RecurrentForward<double>& f, int64_t hidden, const Sequences& s, const double* packed) {
  HWY_DYNAMIC_DISPATCH(ForwardF64)(cell, f, hidden, s, packed);
}
void run(Cell cell, const RecurrentBackward<float>& b, int64_t hidden, const Sequences& s, const float* packed,
         float* dh, float* dc) {
  HWY_DYNAMIC_DISPATCH(BackwardF32)(cell, b, hidden, s, packed, dh, dc);
}
void run(Cell cell, const RecurrentBackward<double>& b, int64_t hidden, const Sequences& s, const double* packed,
         double* dh, double* dc) {
  HWY_DYNAMIC_DISPATCH(BackwardF64)(cell, b, hidden, s, packed, dh, dc);
}

template <class T>
Block packed_weight(const RecurrentShape& s, bool forward, std::span<const T> weight) {
  const bool narrow = sizeof(T) == 4;
  const int64_t panels = narrow ? HWY_DYNAMIC_DISPATCH(PanelsF32)(s.cell, s.hidden, forward)
                                : HWY_DYNAMIC_DISPATCH(PanelsF64)(s.cell, s.hidden, forward);
  // A vector has 64 bytes at most, a panel four of them a row.
  const int64_t depth = forward ? s.hidden : gates_of(s.cell) * s.hidden;
  Block packed(static_cast<size_t>(panels * depth * 4 * 64));
  parallel_for(panels, std::max<int64_t>(1, elementwise_grain / (depth * 64)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) pack_panel(s.cell, s.hidden, forward, i, weight.data(), packed.as<T>());
  });
  return packed;
}

// The sequences in blocks that have their share of long and short ones each.
struct Blocks {
  std::vector<Run> runs;
  std::vector<int64_t> begin;  // of each block in `runs`, and the end
  explicit Blocks(const RecurrentShape& s) {
    std::vector<Run> all;
    int64_t start = 0;
    for (const int64_t length : s.lengths) {
      all.push_back({static_cast<int64_t>(all.size()), start, length});
      start += length;
    }
    std::ranges::stable_sort(all, std::greater<>(), &Run::length);
    const auto n = static_cast<int64_t>(all.size());
    // 16 rows hide the way of the weight through the caches; below that a second thread is worth more.
    const bool small = start * gates_of(s.cell) * s.hidden * s.hidden < 400'000;
    const int64_t count = small ? 1 : (n + (n >= 32 ? 15 : 7)) / (n >= 32 ? 16 : 8);
    for (int64_t block = 0; block < count; ++block) {
      begin.push_back(static_cast<int64_t>(runs.size()));
      for (int64_t i = block; i < n; i += count) runs.push_back(all[static_cast<size_t>(i)]);
    }
    begin.push_back(static_cast<int64_t>(runs.size()));
  }
  [[nodiscard]] int64_t count() const { return static_cast<int64_t>(begin.size()) - 1; }
  [[nodiscard]] int64_t largest() const { return begin[1]; }  // of the counts of sequences
  [[nodiscard]] Sequences block(int64_t i, bool reverse) const {
    const int64_t from = begin[static_cast<size_t>(i)];
    return {runs.data() + from, begin[static_cast<size_t>(i) + 1] - from, reverse};
  }
};

// With tiles a step is one product for all sequences of a block, and then the gates.
// Rows beyond a block's sequences, and those of sequences that have ended or not begun, are multiplied for nothing.
struct StepProduct {
  int64_t rows;  // of all blocks
  PackedProduct product;
};

void run(const RecurrentShape& s, const RecurrentForward<float>& f, const Sequences& block, const StepProduct& step) {
  const auto hidden = static_cast<size_t>(s.hidden), rows = static_cast<size_t>(step.rows);
  std::vector<BFloat16> states(rows * hidden);
  std::vector<float> products(rows * static_cast<size_t>(gates_of(s.cell)) * hidden);
  for (int64_t t = 0; t < block.steps(); ++t) {
    if (t > 0 || !f.h0.empty()) {
      for (int64_t i = 0; i < block.active(t); ++i) {
        const auto at = static_cast<size_t>(t > 0 ? block.row(i, t - 1) : block.runs[i].number) * hidden;
        const auto last = t > 0 ? std::span<const float>(f.y) : f.h0;
        narrow(last.subspan(at, hidden), std::span(states).subspan(static_cast<size_t>(i) * hidden, hidden));
      }
      step.product.run(states.data(), products.data());
    }
    HWY_DYNAMIC_DISPATCH(FinishStep)(s.cell, f, s.hidden, block, t, products.data());
  }
}

void run(const RecurrentShape& s, const RecurrentBackward<float>& b, const Sequences& block, const StepProduct& step,
         float* dh, float* dc) {
  const size_t width = static_cast<size_t>(gates_of(s.cell) * s.hidden);
  std::vector<BFloat16> side(static_cast<size_t>(step.rows) * width);
  const std::span<const float> gradients = s.cell == Cell::gru ? b.hidden_side : b.gates;
  for (int64_t t = block.steps(); t-- > 0;) {
    HWY_DYNAMIC_DISPATCH(GateGradients)(s.cell, b, s.hidden, block, t, dh, dc);
    if (t == 0 && b.g_h0.empty()) break;
    for (int64_t i = 0; i < block.active(t); ++i)
      narrow(gradients.subspan(static_cast<size_t>(block.row(i, t)) * width, width),
             std::span(side).subspan(static_cast<size_t>(i) * width, width));
    step.product.run(side.data(), dh);
  }
}

}  // namespace

template <class T>
void recurrent(const RecurrentShape& s, const RecurrentForward<T>& f) {
  if (s.hidden == 0 || s.lengths.empty()) return;
  apply_isa_limit();
  const Blocks blocks(s);
  if constexpr (std::is_same_v<T, float>)
    if (s.bf16 && has_bf16_tiles()) {
      const int64_t rows = blocks.largest();
      const StepProduct step{rows, PackedProduct({rows, gates_of(s.cell) * s.hidden, s.hidden, true}, f.weight)};
      return parallel_tasks(blocks.count(), [&](int64_t i) { run(s, f, blocks.block(i, s.reverse), step); });
    }
  const Block packed = packed_weight(s, true, f.weight);
  parallel_tasks(blocks.count(),
                 [&](int64_t i) { run(s.cell, f, s.hidden, blocks.block(i, s.reverse), packed.as<T>()); });
}

template <class T>
void recurrent_grad(const RecurrentShape& s, const RecurrentBackward<T>& b) {
  if (s.hidden == 0 || s.lengths.empty()) return;
  apply_isa_limit();
  const Blocks blocks(s);
  const int64_t rows = blocks.largest();
  const auto each_block = [&](const auto& go) {
    parallel_tasks(blocks.count(), [&](int64_t i) {
      const Sequences block = blocks.block(i, s.reverse);
      std::vector<T> dh(static_cast<size_t>(rows * s.hidden)), dc(dh.size());
      go(block, dh.data(), dc.data());
      for (int64_t r = 0; r < block.count; ++r) {
        if (!b.g_h0.empty())
          std::copy_n(dh.data() + r * s.hidden, s.hidden, b.g_h0.data() + block.runs[r].number * s.hidden);
        if (!b.g_c0.empty())
          std::copy_n(dc.data() + r * s.hidden, s.hidden, b.g_c0.data() + block.runs[r].number * s.hidden);
      }
    });
  };
  if constexpr (std::is_same_v<T, float>)
    if (s.bf16 && has_bf16_tiles()) {
      const StepProduct step{rows, PackedProduct({rows, s.hidden, gates_of(s.cell) * s.hidden, false, true}, b.weight)};
      return each_block([&](const Sequences& block, T* dh, T* dc) { run(s, b, block, step, dh, dc); });
    }
  const Block packed = packed_weight(s, false, b.weight);
  each_block([&](const Sequences& block, T* dh, T* dc) { run(s.cell, b, s.hidden, block, packed.as<T>(), dh, dc); });
}

#define TANDEM_INSTANTIATE(T)                                                    \
  template void recurrent<T>(const RecurrentShape&, const RecurrentForward<T>&); \
  template void recurrent_grad<T>(const RecurrentShape&, const RecurrentBackward<T>&);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
#endif
