#include <tandem/autograd/tape.h>
#include <tandem/kernels/recurrent.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/check.h>
#include <tandem/ops/product.h>
#include <tandem/ops/recurrent.h>

#include <algorithm>

namespace tandem {
namespace {

using kernels::Cell;

template <class T>
std::span<const T> numbers(const Tensor& t) {
  return t.defined() ? t.data<const T>() : std::span<const T>{};
}

// What is added to the inputs' products: both biases, but for a gru's n, whose hidden bias is behind the reset gate.
template <class T>
Tensor joint_bias(Cell cell, int64_t hidden, const RecurrentWeights& w) {
  if (!w.input_bias.defined()) return {};
  const auto input = numbers<T>(w.input_bias), state = numbers<T>(w.hidden_bias);
  std::vector<T> bias(input.begin(), input.end());
  const size_t shared = cell == Cell::gru ? static_cast<size_t>(2 * hidden) : bias.size();
  for (size_t i = 0; i < shared; ++i) bias[i] += state[i];
  return Tensor::from(bias, w.input_bias.shape());
}

// Calls fn(sequence, its first row, its length).
template <class Fn>
void each_sequence(const Lengths& lengths, Fn&& fn) {
  int64_t start = 0;
  for (size_t s = 0; s < lengths.size(); start += lengths[s++]) fn(static_cast<int64_t>(s), start, lengths[s]);
}

// Row i: the state that token i started from.
template <class T>
Tensor states_before(const Tensor& y, const Tensor& h0, const Lengths& lengths, bool reverse) {
  const int64_t hidden = y.shape()[1];
  Tensor out = Tensor::empty(y.shape(), y.dtype());
  const T* from = y.data<const T>().data();
  T* to = out.data<T>().data();
  each_sequence(lengths, [&](int64_t s, int64_t start, int64_t length) {
    if (length == 0) return;
    const int64_t moved = (length - 1) * hidden;
    std::copy_n(from + (start + (reverse ? 1 : 0)) * hidden, moved, to + (start + (reverse ? 0 : 1)) * hidden);
    T* first = to + (start + (reverse ? length - 1 : 0)) * hidden;
    if (h0.defined())
      std::copy_n(h0.data<const T>().data() + s * hidden, hidden, first);
    else
      std::fill_n(first, hidden, T{0});
  });
  return out;
}

// The row of each sequence's last step, or what it began with where it has none.
template <class T>
Tensor states_after(const Tensor& states, const Tensor& first, const Lengths& lengths, bool reverse) {
  const int64_t hidden = states.shape()[1];
  Tensor out = Tensor::zeros({static_cast<int64_t>(lengths.size()), hidden}, states.dtype());
  each_sequence(lengths, [&](int64_t s, int64_t start, int64_t length) {
    T* to = out.data<T>().data() + s * hidden;
    if (length > 0)
      std::copy_n(states.data<const T>().data() + (reverse ? start : start + length - 1) * hidden, hidden, to);
    else if (first.defined())
      std::copy_n(first.data<const T>().data() + s * hidden, hidden, to);
  });
  return out;
}

void check(const char* name, Cell cell, const Tensor& x, const Lengths& lengths, const RecurrentWeights& w,
           const RecurrentState& first) {
  const int64_t gates = kernels::gates_of(cell);
  if (w.hidden.rank() != 2 || w.hidden.shape()[0] != gates * w.hidden.shape()[1])
    fail(name, "the state's weight must have shape ({0} hidden, hidden), got {1}", gates, w.hidden.shape());
  const int64_t rows = w.hidden.shape()[0], hidden = w.hidden.shape()[1];
  if (x.rank() != 2 || w.input.rank() != 2 || w.input.shape()[0] != rows || x.shape()[1] != w.input.shape()[1])
    fail(name, "input {} and weights {} and {} do not fit: expected (tokens, in), ({}, in) and ({}, {})", x.shape(),
         w.input.shape(), w.hidden.shape(), rows, rows, hidden);
  if (w.input_bias.defined() != w.hidden_bias.defined()) fail(name, "takes both biases or none");
  for (const Tensor* bias : {&w.input_bias, &w.hidden_bias})
    if (bias->defined() && bias->shape() != Shape{rows})
      fail(name, "a bias has shape {}, expected ({})", bias->shape(), rows);
  expect_lengths(name, lengths, x.shape()[0]);
  const auto sequences = static_cast<int64_t>(lengths.size());
  for (const Tensor* state : {&first.h, &first.c})
    if (state->defined() && state->shape() != Shape{sequences, hidden})
      fail(name, "a first state has shape {}, expected ({}, {}): one row a sequence", state->shape(), sequences,
           hidden);
  expect_same_type(name, x, {&w.input, &w.hidden, &w.input_bias, &w.hidden_bias, &first.h, &first.c});
}

Tensor recurrent(const char* name, Cell cell, const Tensor& given, const Lengths& lengths, const RecurrentWeights& w,
                 const RecurrentOptions& o) {
  const Tensor x = widened(given);
  check(name, cell, x, lengths, w, o.first);
  const int64_t hidden = w.hidden.shape()[1], tokens = x.shape()[0];
  const bool keeps = cell == Cell::lstm || cell == Cell::gru;
  return dispatch_float(name, x.dtype(), [&](auto t) {
    using T = decltype(t);
    const DType type = o.bf16 && x.dtype() == DType::f32 ? DType::bf16 : x.dtype();  // of what is multiplied
    const Tensor read = cast(x.detach(), type), input = cast(w.input.detach(), type);
    const Tensor gates = product(read, false, input, true, joint_bias<T>(cell, hidden, w));
    const Tensor y = Tensor::empty({tokens, hidden}, x.dtype());
    const Tensor kept = keeps ? Tensor::empty({tokens, hidden}, x.dtype()) : Tensor{};
    const auto room = [](const Tensor& of) { return of.defined() ? of.data<T>() : std::span<T>{}; };
    const auto state_bias = cell == Cell::gru && w.hidden_bias.defined()
                                ? numbers<T>(w.hidden_bias).subspan(static_cast<size_t>(2 * hidden))
                                : std::span<const T>{};
    kernels::recurrent<T>({cell, hidden, lengths, o.reverse, o.bf16},
                          {numbers<T>(w.hidden), state_bias, numbers<T>(o.first.h), numbers<T>(o.first.c),
                           gates.data<T>(), y.data<T>(), room(kept)});
    if (o.last) {
      const RecurrentState first = o.first;  // `last` may be the same
      o.last->h = states_after<T>(y, first.h.detach(), lengths, o.reverse);
      o.last->c = cell == Cell::lstm ? states_after<T>(kept, first.c.detach(), lengths, o.reverse) : Tensor{};
    }
    return with_grad(name, y, {x, w.input, w.hidden, w.input_bias, w.hidden_bias, o.first.h, o.first.c},
                     [=, weight = w.hidden.detach(), h0 = o.first.h.detach(), c0 = o.first.c.detach(),
                      reverse = o.reverse, bf16 = o.bf16](const Tensor& g, Wanted wanted) {
                       const auto like = [](const Tensor& of) { return Tensor::empty(of.shape(), of.dtype()); };
                       Grads grads(7);
                       if (wanted[5]) grads[5] = like(h0);
                       if (wanted[6]) grads[6] = like(c0);
                       // The gates become the gradients of their sums; in a gru's n that of the state's side differs.
                       const Tensor side = cell == Cell::gru ? like(gates) : gates;
                       kernels::recurrent_grad<T>(
                           {cell, hidden, lengths, reverse, bf16},
                           {numbers<T>(weight), numbers<T>(h0), numbers<T>(c0), y.template data<const T>(),
                            numbers<T>(kept), g.data<const T>(), gates.data<T>(),
                            cell == Cell::gru ? side.data<T>() : std::span<T>{}, room(grads[5]), room(grads[6])});
                       const Tensor sums = wanted[0] || wanted[1] ? cast(gates, type) : Tensor{};
                       if (wanted[0]) grads[0] = product(sums, false, input, false);  // (tokens, gates) · (gates, in)
                       if (wanted[1]) grads[1] = product(sums, true, read, false);  // (tokens, gates)ᵀ · (tokens, in)
                       if (wanted[2])
                         grads[2] = product(cell == Cell::gru || !sums.defined() ? cast(side, type) : sums, true,
                                            cast(states_before<T>(y, h0, lengths, reverse), type), false);
                       if (wanted[3]) grads[3] = column_sum(gates);
                       if (wanted[4]) grads[4] = cell == Cell::gru || !wanted[3] ? column_sum(side) : grads[3];
                       return grads;
                     });
  });
}

}  // namespace

Tensor rnn(const Tensor& x, const Lengths& lengths, const RecurrentWeights& weights, const RecurrentOptions& options) {
  return recurrent("rnn", options.relu ? Cell::rnn_relu : Cell::rnn_tanh, x, lengths, weights, options);
}

Tensor lstm(const Tensor& x, const Lengths& lengths, const RecurrentWeights& weights, const RecurrentOptions& options) {
  return recurrent("lstm", Cell::lstm, x, lengths, weights, options);
}

Tensor gru(const Tensor& x, const Lengths& lengths, const RecurrentWeights& weights, const RecurrentOptions& options) {
  return recurrent("gru", Cell::gru, x, lengths, weights, options);
}

}  // namespace tandem
