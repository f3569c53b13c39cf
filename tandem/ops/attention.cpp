#include <tandem/autograd/tape.h>
#include <tandem/kernels/attention.h>
#include <tandem/kernels/sequence.h>
#include <tandem/ops/attention.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/check.h>

#include <cmath>
#include <unordered_map>

namespace tandem {
namespace {

// Where q, k and v lie: in one tensor side by side, or in three.
struct Operands {
  Tensor q, k, v;
  int64_t q_at = 0, k_at = 0, v_at = 0;  // first column of each
};

// Checks all but the operands' columns, and gives the size of a head.
int64_t head_size(const AttentionOptions& o, int64_t width, const Shape& shape) {
  if (o.heads < 1 || o.shared() < 1 || o.heads % o.shared() != 0)
    fail("attention", "{} heads cannot share {} heads of keys: give a number that divides {}", o.heads, o.shared(),
         o.heads);
  if (width % o.heads != 0)
    fail("attention", "{} columns of {} cannot be divided into {} heads", width, shape, o.heads);
  return width / o.heads;
}

void expect_keys(const Lengths& lengths, const Lengths& keys, bool causal) {
  if (lengths.size() != keys.size())
    fail("attention", "{} sequences of queries but {} of keys: one is needed for each", lengths.size(), keys.size());
  for (size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i] > 0 && keys[i] < (causal ? lengths[i] : 1))
      fail("attention", "sequence {} has {} queries but {} keys{}", i, lengths[i], keys[i],
           causal ? ": causal attention needs a key for each query" : "");
}

kernels::AttentionShape shape_of(const Operands& in, const AttentionOptions& o, int64_t size) {
  return {o.heads, o.shared(), size, in.q.shape()[1], in.k.shape()[1], o.heads * size, o.causal};
}

template <class T>
std::vector<kernels::AttentionPart<T>> parts_of(const Operands& in, const Lengths& lengths, const Lengths& keys,
                                                const Tensor& y, const Tensor& lse, int64_t heads) {
  std::vector<kernels::AttentionPart<T>> parts;
  const T *q = in.q.data<const T>().data() + in.q_at, *k = in.k.data<const T>().data() + in.k_at,
          *v = in.v.data<const T>().data() + in.v_at;
  T *into = y.data<T>().data(), *sums = lse.defined() ? lse.data<T>().data() : nullptr;
  for (size_t i = 0; i < lengths.size(); ++i) {
    parts.push_back({q, k, v, into, sums, lengths[i], keys[i]});
    q += lengths[i] * in.q.shape()[1], k += keys[i] * in.k.shape()[1], v += keys[i] * in.v.shape()[1];
    into += lengths[i] * y.shape()[1], sums += sums ? lengths[i] * heads : 0;
  }
  return parts;
}

// The gradients of the operands' tensors, in `into`.
template <class T>
void gradients(const Operands& in, const Operands& into, const Lengths& lengths, const Lengths& keys, const Tensor& y,
               const Tensor& lse, const Tensor& g, const AttentionOptions& o, int64_t size) {
  std::vector<kernels::AttentionGrad<T>> parts;
  const T* gy = g.data<const T>().data();
  T *gq = into.q.data<T>().data() + in.q_at, *gk = into.k.data<T>().data() + in.k_at,
    *gv = into.v.data<T>().data() + in.v_at;
  for (const auto& part : parts_of<T>(in, lengths, keys, y, lse, o.heads)) {
    parts.push_back({part, gy, gq, gk, gv});
    gy += part.queries * g.shape()[1], gq += part.queries * in.q.shape()[1];
    gk += part.keys * in.k.shape()[1], gv += part.keys * in.v.shape()[1];
  }
  kernels::attention_grad<T>(shape_of(in, o, size), parts);
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Lengths& lengths, const Lengths& key_lengths,
                 const AttentionOptions& o) {
  if (q.rank() != 2 || k.rank() != 2 || v.shape() != k.shape())
    fail("attention", "takes queries (tokens, width) and keys and values of one shape (tokens, width), got {}, {}, {}",
         q.shape(), k.shape(), v.shape());
  expect_lengths("attention", lengths, q.shape()[0]);
  expect_lengths("attention", key_lengths, k.shape()[0]);
  expect_keys(lengths, key_lengths, o.causal);
  const int64_t size = head_size(o, q.shape()[1], q.shape());
  if (k.shape()[1] != o.shared() * size)
    fail("attention", "keys {} have {} columns, but {} heads of {} numbers need {}", k.shape(), k.shape()[1],
         o.shared(), size, o.shared() * size);
  const Operands in{widened(q), widened(k), widened(v)};
  expect_same_type("attention", in.q, {&in.k, &in.v});
  Tensor y = Tensor::empty(in.q.shape(), in.q.dtype());
  return dispatch_float("attention", y.dtype(), [&](auto t) {
    using T = decltype(t);
    const bool keeps = recording({in.q, in.k, in.v});
    const Tensor lse = keeps ? Tensor::empty({q.shape()[0], o.heads}, y.dtype()) : Tensor{};
    kernels::attention<T>(shape_of(in, o, size), parts_of<T>(in, lengths, key_lengths, y, lse, o.heads));
    const Operands kept{in.q.detach(), in.k.detach(), in.v.detach()};
    return with_grad("attention", y, {in.q, in.k, in.v}, [=](const Tensor& g, Wanted wanted) {
      const auto like = [](const Tensor& of) { return Tensor::empty(of.shape(), of.dtype()); };
      const Operands into{like(kept.q), like(kept.k), like(kept.v)};
      gradients<T>(kept, into, lengths, key_lengths, y, lse, g, o, size);
      return Grads{wanted[0] ? into.q : Tensor{}, wanted[1] ? into.k : Tensor{}, wanted[2] ? into.v : Tensor{}};
    });
  });
}

Tensor attention(const Tensor& given, const Lengths& lengths, const AttentionOptions& o) {
  const int64_t columns = given.rank() == 2 ? given.shape()[1] : 0;
  if (o.heads < 1 || o.heads > columns || o.shared() > columns || columns % (o.heads + 2 * o.shared()) != 0)
    fail("attention", "takes (tokens, {} heads of queries, {} of keys and {} of values side by side), got {}", o.heads,
         o.shared(), o.shared(), given.shape());
  const int64_t all = o.heads + 2 * o.shared();
  expect_lengths("attention", lengths, given.shape()[0]);
  const Tensor x = widened(given);
  const int64_t size = head_size(o, x.shape()[1] / all * o.heads, x.shape());
  const int64_t k_at = o.heads * size, v_at = k_at + o.shared() * size;
  Tensor y = Tensor::empty({x.shape()[0], o.heads * size}, x.dtype());
  return dispatch_float("attention", y.dtype(), [&](auto t) {
    using T = decltype(t);
    const Tensor lse = recording({x}) ? Tensor::empty({x.shape()[0], o.heads}, y.dtype()) : Tensor{};
    const Operands in{x.detach(), x.detach(), x.detach(), 0, k_at, v_at};
    kernels::attention<T>(shape_of(in, o, size), parts_of<T>(in, lengths, lengths, y, lse, o.heads));
    return with_grad("attention", y, {x}, [=](const Tensor& g, Wanted) {
      const Tensor gx = Tensor::empty(in.q.shape(), in.q.dtype());
      gradients<T>(in, {gx, gx, gx}, lengths, lengths, y, lse, g, o, size);
      return Grads{gx};
    });
  });
}

Tensor attention(const Tensor& given, const Lengths& lengths, std::span<const KeyValues> kept,
                 const AttentionOptions& o) {
  const Tensor q = widened(given);
  if (q.rank() != 2) fail("attention", "takes queries (tokens, width), got {}", q.shape());
  expect_lengths("attention", lengths, q.shape()[0]);
  const int64_t size = head_size(o, q.shape()[1], q.shape()), width = o.shared() * size;
  Lengths keys;
  for (const KeyValues& one : kept) {
    if (one.keys.rank() != 2 || one.keys.shape()[1] != width || one.values.shape() != one.keys.shape() ||
        one.rows < 0 || one.rows > one.keys.shape()[0])
      fail("attention", "{} rows of keys {} and values {} are kept, but {} columns are needed", one.rows,
           one.keys.shape(), one.values.shape(), width);
    keys.push_back(one.rows);
  }
  expect_keys(lengths, keys, o.causal);
  Tensor y = Tensor::empty(q.shape(), q.dtype());
  dispatch_float("attention", q.dtype(), [&](auto t) {
    using T = decltype(t);
    std::vector<kernels::AttentionPart<T>> parts;
    int64_t at = 0;
    for (size_t i = 0; i < lengths.size(); at += lengths[i++] * q.shape()[1])
      parts.push_back({q.data<const T>().data() + at, kept[i].keys.data<const T>().data(),
                       kept[i].values.data<const T>().data(), y.data<T>().data() + at, nullptr, lengths[i],
                       kept[i].rows});
    kernels::attention<T>({o.heads, o.shared(), size, q.shape()[1], width, q.shape()[1], o.causal}, parts);
  });
  return y;
}

Tensor rotary(const Tensor& given, const std::vector<int64_t>& positions, int64_t heads, int64_t size, double base) {
  const Tensor x = widened(given);
  if (x.rank() != 2 || size < 2 || size % 2 != 0 || heads < 0 || size > x.shape()[1] || heads > x.shape()[1] / size)
    fail("rotary", "{} heads of {} numbers do not fit rows of {}: heads need an even size", heads, size, x.shape());
  if (static_cast<int64_t>(positions.size()) != x.shape()[0])
    fail("rotary", "{} positions for {} rows: one is needed for each token", positions.size(), x.shape()[0]);
  return dispatch_float("rotary", x.dtype(), [&](auto t) {
    using T = decltype(t);
    const std::vector<double> frequencies = [&] {
      std::vector<double> out;
      for (int64_t c = 0; c < size / 2; ++c)
        out.push_back(std::pow(base, -2.0 * static_cast<double>(c) / static_cast<double>(size)));
      return out;
    }();
    Tensor turns = Tensor::empty({x.shape()[0], size}, x.dtype());  // cosines, then sines, of each token
    const auto half = static_cast<size_t>(size / 2);
    std::unordered_map<int64_t, const T*> known;  // sequences share most positions
    for (size_t i = 0; i < positions.size(); ++i) {
      T* row = turns.data<T>().data() + i * 2 * half;
      const auto [at, is_new] = known.emplace(positions[i], row);
      if (!is_new) std::copy_n(at->second, 2 * half, row);
      for (size_t c = 0; is_new && c < half; ++c) {
        const double angle = static_cast<double>(positions[i]) * frequencies[c];
        row[c] = static_cast<T>(std::cos(angle)), row[half + c] = static_cast<T>(std::sin(angle));
      }
    }
    const auto turn = [turns, heads, size](const Tensor& from, T sign) {
      Tensor to = Tensor::empty(from.shape(), from.dtype());
      kernels::rotate_heads<T>({from.shape()[0], from.shape()[1], heads, size}, turns.data<const T>(), sign,
                               from.data<const T>(), to.data<T>());
      return to;
    };
    return with_grad("rotary", turn(x, T{1}), {x},
                     [turn](const Tensor& g, Wanted) { return Grads{turn(g, T{-1})}; });  // turned back
  });
}

}  // namespace tandem
