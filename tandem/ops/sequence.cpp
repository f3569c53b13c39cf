#include <tandem/autograd/tape.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/sequence.h>
#include <tandem/ops/shape.h>

#include <limits>
#include <numeric>

namespace tandem {
namespace {

constexpr int64_t most_dilation = 1 << 20;  // times any kernel it stays a small number

// (tokens, c) -> (tokens out, kernel * c): what each output sees.
Tensor windows(const Tensor& x, const Lengths& lengths, const Lengths& out_lengths, int64_t kernel, int64_t dilation,
               int64_t before) {
  const int64_t width = x.shape()[1], rows = std::accumulate(out_lengths.begin(), out_lengths.end(), int64_t{0});
  const auto shape = [=](const Lengths& in, const Lengths& out) {
    return kernels::WindowShape{in, out, width, kernel, dilation, before};
  };
  Tensor y = Tensor::empty({rows, kernel * width}, x.dtype());
  dispatch_float("conv1d", x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::windows<T>(shape(lengths, out_lengths), x.data<const T>(), y.data<T>());
  });
  return with_grad("windows", y, {x}, [lengths, out_lengths, shape, in = x.shape()](const Tensor& g, Wanted) {
    Tensor gx = Tensor::empty(in, g.dtype());
    dispatch_float("conv1d", g.dtype(), [&](auto t) {
      using T = decltype(t);
      kernels::windows_grad<T>(shape(lengths, out_lengths), g.data<const T>(), gx.data<T>());
    });
    return Grads{gx};
  });
}

}  // namespace

void expect_lengths(std::string_view where, const Lengths& lengths, int64_t rows) {
  int64_t sum = 0;
  for (const int64_t length : lengths) {
    if (length < 0) fail(where, "a sequence has length {}: lengths are 0 or more", length);
    if (__builtin_add_overflow(sum, length, &sum)) sum = std::numeric_limits<int64_t>::max();
  }
  if (sum != rows)
    fail(where, "the lengths of {} sequences sum to {}, but the input has {} rows: one is needed for each token",
         lengths.size(), sum, rows);
}

Lengths conv1d_lengths(const Lengths& lengths, int64_t kernel, const Conv1dOptions& options) {
  if (kernel < 1 || kernel > most_dilation || options.dilation < 1 || options.dilation > most_dilation)
    fail("conv1d", "kernel {} or dilation {} does not lie between 1 and {}", kernel, options.dilation, most_dilation);
  for (const int64_t n : lengths)
    if (n < 0) fail("conv1d", "a sequence has {} tokens", n);
  if (options.same) return lengths;
  Lengths out;
  for (const int64_t n : lengths) out.push_back(n == 0 ? 0 : std::max<int64_t>(1, n - (kernel - 1) * options.dilation));
  return out;
}

Tensor conv1d(const Tensor& x, const Lengths& lengths, const Tensor& weight, const Tensor& bias,
              const Conv1dOptions& options) {
  if (x.rank() != 2 || weight.rank() != 3 || x.shape()[1] != weight.shape()[1])
    fail("conv1d", "input {} and weight {} do not fit: expected (tokens, channels) and (filters, channels, kernel)",
         x.shape(), weight.shape());
  if (options.dilation < 1 || options.dilation > most_dilation)
    fail("conv1d", "dilation {} does not lie between 1 and {}", options.dilation, most_dilation);
  expect_lengths("conv1d", lengths, x.shape()[0]);
  const int64_t filters = weight.shape()[0], kernel = weight.shape()[2];
  const int64_t before = options.same ? (kernel - 1) * options.dilation / 2 : 0;
  const Tensor seen =
      windows(widened(x), lengths, conv1d_lengths(lengths, kernel, options), kernel, options.dilation, before);
  return linear(seen, reshape(permute(weight, {0, 2, 1}), {filters, kernel * x.shape()[1]}), bias);
}

Tensor pool_sequences(const Tensor& x, const Lengths& lengths, Pooling how) {
  if (x.rank() != 2) fail("pool_sequences", "takes inputs of shape (tokens, width), got {}", x.shape());
  expect_lengths("pool_sequences", lengths, x.shape()[0]);
  for (size_t s = 0; s < lengths.size(); ++s)
    if (lengths[s] == 0) fail("pool_sequences", "sequence {} of {} has no tokens to pool", s, lengths.size());
  if (x.dtype() == DType::bf16) return pool_sequences(widened(x), lengths, how);
  const int64_t width = x.shape()[1];
  Tensor y = Tensor::empty({static_cast<int64_t>(lengths.size()), width}, x.dtype());
  std::vector<int32_t> where(how == Pooling::max ? static_cast<size_t>(y.numel()) : 0);
  dispatch_float("pool_sequences", x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::pool_sequences<T>(how, lengths, width, x.data<const T>(), y.data<T>(), where);
  });
  return with_grad("pool_sequences", y, {x},
                   [how, lengths, where = std::move(where), shape = x.shape()](const Tensor& g, Wanted) {
                     Tensor gx = Tensor::empty(shape, g.dtype());
                     dispatch_float("pool_sequences", g.dtype(), [&](auto t) {
                       using T = decltype(t);
                       kernels::pool_sequences_grad<T>(how, lengths, shape[1], g.data<const T>(), where, gx.data<T>());
                     });
                     return Grads{gx};
                   });
}

Tensor locked_dropout(const Tensor& x, const Lengths& lengths, double probability, Rng& rng) {
  if (x.rank() != 2) fail("locked_dropout", "takes inputs of shape (tokens, width), got {}", x.shape());
  expect_lengths("locked_dropout", lengths, x.shape()[0]);
  const Tensor wide = widened(x);
  const Tensor kept = dropout(Tensor::full({std::ssize(lengths), x.shape()[1]}, 1, wide.dtype()), probability, rng);
  std::vector<int32_t> sequence;  // of each token
  for (size_t s = 0; s < lengths.size(); ++s)
    sequence.insert(sequence.end(), static_cast<size_t>(lengths[s]), static_cast<int32_t>(s));
  return cast(wide * embedding(kept, Tensor::from(sequence, {x.shape()[0]})), x.dtype());
}

}  // namespace tandem
