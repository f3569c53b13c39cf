#include <tandem/autograd/tape.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/reduce.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/elementwise.h>

namespace tandem {
namespace {

using kernels::Binary;
using kernels::Unary;

// The forward pass alone.
Tensor apply(Binary op, const char* name, const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) fail(name, "an operand was never given a value");
  if (a.dtype() != b.dtype())
    fail(name, "operands have types {} and {}: convert one with to()", name_of(a.dtype()), name_of(b.dtype()));
  const Shape shape = broadcast_shape(name, a.shape(), b.shape());
  Tensor out = Tensor::empty(shape, a.dtype());
  if (op == Binary::add && a.dtype() == DType::bf16) {  // of one shape: operator+ sees to that
    kernels::binary(op, a.data<const BFloat16>(), b.data<const BFloat16>(), out.data<BFloat16>());
    return out;
  }
  dispatch_float(name, a.dtype(), [&](auto t) {
    using T = decltype(t);
    if (a.shape() == b.shape())
      kernels::binary(op, a.data<const T>(), b.data<const T>(), out.data<T>());
    else
      kernels::binary(op, a.data<const T>(), a.shape(), b.data<const T>(), b.shape(), out.data<T>(), shape);
  });
  return out;
}

Tensor scalar(double value, DType type) { return Tensor::full({}, value, type); }

// Half of g where a equals b, all of it where a wins, in the shape of the output.
Tensor share_of_winner(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& g, bool first) {
  const Tensor zero = Tensor::zeros(y.shape(), y.dtype());
  const Tensor wide_a = apply(Binary::add, "maximum", a, zero);
  const Tensor wide_b = apply(Binary::add, "maximum", b, zero);
  Tensor out = Tensor::empty(y.shape(), y.dtype());
  dispatch_float("maximum", y.dtype(), [&](auto t) {
    using T = decltype(t);
    const auto av = wide_a.data<const T>(), bv = wide_b.data<const T>(), yv = y.data<const T>(), gv = g.data<const T>();
    const auto into = out.data<T>();
    for (size_t i = 0; i < into.size(); ++i) {
      const bool wins = (first ? av[i] : bv[i]) == yv[i];
      into[i] = av[i] == bv[i] ? gv[i] / 2 : (wins ? gv[i] : T{0});
    }
  });
  return sum_to(out, first ? a.shape() : b.shape());
}

Tensor winner(Binary op, const char* name, const Tensor& a, const Tensor& b) {
  const Tensor y = apply(op, name, a, b);
  return with_grad(name, y, {a, b}, [a = a.detach(), b = b.detach(), y](const Tensor& g, Wanted wanted) {
    return Grads{wanted[0] ? share_of_winner(a, b, y, g, true) : Tensor{},
                 wanted[1] ? share_of_winner(a, b, y, g, false) : Tensor{}};
  });
}

}  // namespace

Shape broadcast_shape(std::string_view where, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> sizes(static_cast<size_t>(rank));
  for (int i = 1; i <= rank; ++i) {
    const int64_t an = i <= a.rank() ? a[-i] : 1;
    const int64_t bn = i <= b.rank() ? b[-i] : 1;
    if (an != bn && an != 1 && bn != 1)
      fail(where, "shapes {} and {} do not fit: sizes {} and {} on axis {} must be equal or 1", a, b, an, bn, rank - i);
    sizes[static_cast<size_t>(rank - i)] = an == 1 ? bn : an;
  }
  return Shape(sizes);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return dispatch_float("sum_to", x.dtype(), [&](auto t) {
    using T = decltype(t);
    Tensor current = x;
    const int extra = x.rank() - shape.rank();
    for (int axis = 0; axis < x.rank(); ++axis) {
      const int64_t target = axis < extra ? 1 : shape[axis - extra];
      const int64_t size = current.shape()[axis];
      if (size == target) continue;
      Tensor out = Tensor::empty(current.shape().with(axis, 1), x.dtype());
      kernels::reduce<T>(kernels::Reduce::sum, current.shape().product(0, axis), size,
                         current.shape().product(axis + 1, current.rank()), current.data<const T>(), out.data<T>());
      current = out;
    }
    return current.view(shape);
  });
}

Tensor operator+(const Tensor& a, const Tensor& b) {
  const bool narrow = a.dtype() == DType::bf16 || b.dtype() == DType::bf16;
  if (narrow && (a.dtype() != b.dtype() || a.shape() != b.shape())) return widened(a) + widened(b);
  return with_grad("add", apply(Binary::add, "add", a, b), {a, b},
                   [as = a.shape(), bs = b.shape()](const Tensor& g, Wanted wanted) {
                     return Grads{wanted[0] ? sum_to(g, as) : Tensor{}, wanted[1] ? sum_to(g, bs) : Tensor{}};
                   });
}

Tensor operator-(const Tensor& a, const Tensor& b) {
  return with_grad("subtract", apply(Binary::sub, "subtract", a, b), {a, b},
                   [as = a.shape(), bs = b.shape()](const Tensor& g, Wanted wanted) {
                     return Grads{wanted[0] ? sum_to(g, as) : Tensor{}, wanted[1] ? sum_to(-g, bs) : Tensor{}};
                   });
}

Tensor operator*(const Tensor& a, const Tensor& b) {
  return with_grad(
      "multiply", apply(Binary::mul, "multiply", a, b), {a, b},
      [a = keep_for(b, a), b = keep_for(a, b), as = a.shape(), bs = b.shape()](const Tensor& g, Wanted wanted) {
        return Grads{wanted[0] ? sum_to(g * b, as) : Tensor{}, wanted[1] ? sum_to(g * a, bs) : Tensor{}};
      });
}

Tensor operator/(const Tensor& a, const Tensor& b) {
  return with_grad("divide", apply(Binary::div, "divide", a, b), {a, b},
                   [a = keep_for(b, a), b = b.detach(), as = a.shape()](const Tensor& g, Wanted wanted) {
                     const Tensor over_b = g / b;  // d(a/b) = da/b - a db/b^2
                     return Grads{wanted[0] ? sum_to(over_b, as) : Tensor{},
                                  wanted[1] ? sum_to(-(over_b * a / b), b.shape()) : Tensor{}};
                   });
}

Tensor maximum(const Tensor& a, const Tensor& b) { return winner(Binary::max, "maximum", a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return winner(Binary::min, "minimum", a, b); }

Tensor operator+(const Tensor& a, double b) { return a + scalar(b, a.dtype()); }
Tensor operator-(const Tensor& a, double b) { return a - scalar(b, a.dtype()); }
Tensor operator*(const Tensor& a, double b) { return elementwise("scale", Unary::scale, a, b); }
Tensor operator/(const Tensor& a, double b) { return a / scalar(b, a.dtype()); }
Tensor operator-(double a, const Tensor& b) { return scalar(a, b.dtype()) - b; }
Tensor operator/(double a, const Tensor& b) { return scalar(a, b.dtype()) / b; }
Tensor operator-(const Tensor& x) { return elementwise("negate", Unary::neg, x); }

Tensor exp(const Tensor& x) { return elementwise("exp", Unary::exp, x); }
Tensor log(const Tensor& x) { return elementwise("log", Unary::log, x); }
Tensor sqrt(const Tensor& x) { return elementwise("sqrt", Unary::sqrt, x); }
Tensor abs(const Tensor& x) { return elementwise("abs", Unary::abs, x); }
Tensor square(const Tensor& x) { return elementwise("square", Unary::square, x); }
Tensor reciprocal(const Tensor& x) { return elementwise("reciprocal", Unary::reciprocal, x); }

}  // namespace tandem
