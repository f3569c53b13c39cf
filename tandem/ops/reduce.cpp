#include <tandem/autograd/tape.h>
#include <tandem/kernels/reduce.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/reduce.h>

namespace tandem {
namespace {

using kernels::Reduce;

// x reduced over `axis`, the axis kept with size 1.
Tensor apply(Reduce op, const char* name, const Tensor& x, int axis) {
  const int64_t n = x.shape()[axis];
  Tensor out = Tensor::empty(x.shape().with(axis, 1), x.dtype());
  dispatch_float(name, x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::reduce<T>(op, x.shape().product(0, axis), n, x.shape().product(axis + 1, x.rank()), x.data<const T>(),
                       out.data<T>());
  });
  return out;
}

Tensor repeat_to(const Tensor& x, const Shape& shape) { return x + Tensor::zeros(shape, x.dtype()); }

Tensor extreme(Reduce op, const char* name, const Tensor& x, int axis, bool keep) {
  const int a = axis_of(name, x.shape(), axis);
  if (x.shape()[a] == 0)
    fail(name, "axis {} of shape {} is empty: there is no largest or smallest element", axis, x.shape());
  const Tensor best = apply(op, name, x, a);
  const Tensor y = keep ? best : best.view(x.shape().without(a));
  return with_grad(name, y, {x}, [x = x.detach(), best, a, name](const Tensor& g, Wanted) {
    const Tensor wide = repeat_to(best, x.shape());
    Tensor hit = Tensor::empty(x.shape(), x.dtype());
    dispatch_float(name, x.dtype(), [&](auto t) {
      using T = decltype(t);
      const auto xv = x.data<const T>(), wv = wide.data<const T>();
      const auto h = hit.data<T>();
      for (size_t i = 0; i < h.size(); ++i) h[i] = xv[i] == wv[i] ? T{1} : T{0};
    });
    const Tensor count = apply(Reduce::sum, name, hit, a);
    return Grads{hit * (g.view(best.shape()) / count)};
  });
}

}  // namespace

Tensor sum(const Tensor& x) {
  const Tensor flat = x.view({x.numel()});
  const Tensor y = apply(Reduce::sum, "sum", flat, 0).view({});
  return with_grad("sum", y, {x}, [shape = x.shape()](const Tensor& g, Wanted) { return Grads{repeat_to(g, shape)}; });
}

Tensor mean(const Tensor& x) {
  if (x.numel() == 0) fail("mean", "shape {} has no elements", x.shape());
  return sum(x) * (1.0 / static_cast<double>(x.numel()));
}

Tensor sum(const Tensor& x, int axis, bool keep) {
  const int a = axis_of("sum", x.shape(), axis);
  const Tensor kept = apply(Reduce::sum, "sum", x, a);
  const Tensor y = keep ? kept : kept.view(x.shape().without(a));
  return with_grad("sum", y, {x}, [shape = x.shape(), a](const Tensor& g, Wanted) {
    return Grads{repeat_to(g.view(shape.with(a, 1)), shape)};
  });
}

Tensor mean(const Tensor& x, int axis, bool keep) {
  const int a = axis_of("mean", x.shape(), axis);
  if (x.shape()[a] == 0) fail("mean", "axis {} of shape {} is empty", axis, x.shape());
  return sum(x, a, keep) * (1.0 / static_cast<double>(x.shape()[a]));
}

Tensor max(const Tensor& x, int axis, bool keep) { return extreme(Reduce::max, "max", x, axis, keep); }
Tensor min(const Tensor& x, int axis, bool keep) { return extreme(Reduce::min, "min", x, axis, keep); }

Tensor arg_max(const Tensor& x, int axis) {
  const int a = axis_of("arg_max", x.shape(), axis);
  if (x.shape()[a] == 0) fail("arg_max", "axis {} of shape {} is empty", axis, x.shape());
  Tensor out = Tensor::empty(x.shape().without(a), DType::i64);
  dispatch_float("arg_max", x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::arg_max<T>(x.shape().product(0, a), x.shape()[a], x.shape().product(a + 1, x.rank()), x.data<const T>(),
                        out.data<int64_t>());
  });
  return out;
}

}  // namespace tandem
