#include <tandem/autograd/tape.h>
#include <tandem/kernels/sequence.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/check.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/product.h>

#include <algorithm>

namespace tandem {
namespace {

// The gradient before f from the one after it, where y is f's result.
Tensor through(kernels::Unary f, const Tensor& y, const Tensor& g) {
  Tensor out = Tensor::empty(g.shape(), g.dtype());
  dispatch_float("linear", g.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::unary_grad(f, 0, y.data<const T>(), g.data<const T>(), out.data<T>());
  });
  return out;
}

void check_linear(const Tensor& x, const Tensor& w, const Tensor& bias, std::optional<kernels::Unary> f) {
  if (w.rank() != 2 || x.rank() < 1 || x.shape()[-1] != w.shape()[1])
    fail("linear", "input {} has last size {} but weight {} takes {}", x.shape(), x.rank() ? x.shape()[-1] : 0,
         w.shape(), w.rank() == 2 ? w.shape()[1] : 0);
  if (bias.defined() && bias.shape() != Shape{w.shape()[0]})
    fail("linear", "bias {} does not fit weight {}: expected ({})", bias.shape(), w.shape(), w.shape()[0]);
  expect_same_type("linear", x, {&w, &bias});
  if (f && kernels::unary_grad_reads(*f) != kernels::Reads::output)
    fail(ErrorKind::internal, "linear", "takes a function whose gradient reads its result");
}

// f(x wᵀ + bias) without a gradient, as (rows, out).
Tensor forward(const Tensor& x, const Tensor& w, const Tensor& bias, std::optional<kernels::Unary> f, bool backwards) {
  Tensor y = product(x.view({x.shape().product(0, x.rank() - 1), w.shape()[1]}), false, w, true, bias, backwards);
  if (f)
    dispatch_float("linear", y.dtype(), [&](auto t) {
      using T = decltype(t);
      kernels::unary(*f, 0, y.data<const T>(), y.data<T>());
    });
  return y;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  const bool fits = a.rank() == b.rank() && (a.rank() == 2 || a.rank() == 3) && a.shape()[-1] == b.shape()[-2] &&
                    (a.rank() == 2 || a.shape()[0] == b.shape()[0]) && a.dtype() == b.dtype();
  if (!fits)
    fail("matmul", "{} {} times {} {}: the last axis of the first must equal the last but one of the second", a.shape(),
         name_of(a.dtype()), b.shape(), name_of(b.dtype()));
  return with_grad("matmul", product(a, false, b, false), {a, b},
                   [a = keep_for(b, a), b = keep_for(a, b)](const Tensor& g, Wanted wanted) {
                     return Grads{wanted[0] ? product(g, false, b, true) : Tensor{},   // (m, n) · (k, n)ᵀ
                                  wanted[1] ? product(a, true, g, false) : Tensor{}};  // (m, k)ᵀ · (m, n)
                   });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, std::optional<kernels::Unary> f, bool bf16) {
  if (x.dtype() == DType::bf16 && !bf16) return linear(widened(x), w, bias, f);
  check_linear(x, w, bias, f);
  // What a product takes: rounded, its operands are half as large, and kept so for the gradient.
  const DType type = bf16 && w.dtype() == DType::f32 ? DType::bf16 : w.dtype();
  const Tensor left = cast(x.detach(), type), right = cast(w.detach(), type);
  const Tensor y = forward(left, right, bias, f, false);
  const int64_t rows = y.shape()[0], out = y.shape()[1];
  const Tensor flat = left.view({rows, x.shape()[-1]});
  return with_grad("linear", y.view(x.shape().with(-1, out)), {x, w, bias},
                   [flat = keep_for(w, flat), right = keep_for(x, right), kept = f ? y : Tensor{}, f, type, rows, out,
                    given = x.dtype(), shape = x.shape()](const Tensor& g, Wanted wanted) {
                     Tensor gm = g.view({rows, out});
                     if (f) gm = through(*f, kept, gm);
                     const Tensor gt = wanted[0] || wanted[1] ? cast(gm, type) : Tensor{};
                     return Grads{wanted[0] ? cast(product(gt, false, right, false), given).view(shape) : Tensor{},
                                  wanted[1] ? product(gt, true, flat, false) : Tensor{},  // (rows, out)ᵀ · (rows, in)
                                  wanted[2] ? column_sum(gm) : Tensor{}};
                   });
}

Tensor linear(const Tensor& x, const PreparedLinear& p, std::optional<kernels::Unary> f) {
  const Tensor wide = widened(x);
  check_linear(wide, p.weight, p.bias, f);
  const bool backwards = p.calls.fetch_add(1, std::memory_order_relaxed) % 2 != 0;
  return forward(wide, p.weight, p.bias, f, backwards).view(x.shape().with(-1, p.weight.shape()[0]));
}

Tensor embedding(const Tensor& table, const Tensor& indices) {
  if (table.rank() != 2) fail("embedding", "the table must have shape (entries, width), got {}", table.shape());
  if (indices.dtype() != DType::i32 && indices.dtype() != DType::i64)
    fail("embedding", "indices must be int32 or int64, got {}", name_of(indices.dtype()));
  const int64_t entries = table.shape()[0], width = table.shape()[1];
  const Tensor index = indices.to(DType::i64);
  for (const int64_t i : index.data<const int64_t>())
    if (i < 0 || i >= entries) fail("embedding", "index {} is outside the table of {} entries", i, entries);
  std::vector<int64_t> sizes(indices.shape().begin(), indices.shape().end());
  sizes.push_back(width);
  Tensor y = Tensor::empty(Shape(sizes), table.dtype());
  dispatch_float("embedding", table.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::gather_rows<T>(table.data<const T>(), width, index.data<const int64_t>(), y.data<T>());
  });
  return with_grad("embedding", y, {table}, [index, shape = table.shape(), width](const Tensor& g, Wanted) {
    Tensor gt = Tensor::empty(shape, g.dtype());
    dispatch_float("embedding", g.dtype(), [&](auto t) {
      using T = decltype(t);
      kernels::scatter_rows<T>(g.data<const T>(), width, index.data<const int64_t>(), gt.data<T>());
    });
    return Grads{gt};
  });
}

}  // namespace tandem
