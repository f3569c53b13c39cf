#include <tandem/autograd/tape.h>
#include <tandem/kernels/softmax.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/elementwise.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/shape.h>

namespace tandem {
namespace {

// The kernel works on the last axis; another axis is brought there and back.
template <class Fn>
Tensor on_last_axis(const char* name, const Tensor& x, int axis, Fn&& fn) {
  const int a = axis_of(name, x.shape(), axis);
  if (a == x.rank() - 1) return fn(x);
  std::vector<int> order(static_cast<size_t>(x.rank()));
  for (int i = 0; i < x.rank(); ++i) order[static_cast<size_t>(i)] = i;
  std::swap(order[static_cast<size_t>(a)], order.back());
  return permute(fn(permute(x, order)), order);
}

Tensor rows_softmax(const char* name, const Tensor& x, bool logarithm) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const int64_t columns = x.shape()[-1];
  dispatch_float(name, x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::softmax(columns ? x.numel() / columns : 0, columns, logarithm, x.data<const T>(), y.data<T>());
  });
  return y;
}

}  // namespace

Tensor relu(const Tensor& x) { return elementwise("relu", kernels::Unary::relu, x); }
Tensor leaky_relu(const Tensor& x, double slope) {
  return elementwise("leaky_relu", kernels::Unary::leaky_relu, x, slope);
}
Tensor sigmoid(const Tensor& x) { return elementwise("sigmoid", kernels::Unary::sigmoid, x); }
Tensor tanh(const Tensor& x) { return elementwise("tanh", kernels::Unary::tanh, x); }
Tensor gelu(const Tensor& x) { return elementwise("gelu", kernels::Unary::gelu, x); }
Tensor gelu_tanh(const Tensor& x) { return elementwise("gelu_tanh", kernels::Unary::gelu_tanh, x); }
Tensor silu(const Tensor& x) { return elementwise("silu", kernels::Unary::silu, x); }
Tensor softplus(const Tensor& x) { return elementwise("softplus", kernels::Unary::softplus, x); }

Tensor softmax(const Tensor& x, int axis) {
  return on_last_axis("softmax", widened(x), axis, [](const Tensor& rows) {
    const Tensor y = rows_softmax("softmax", rows, false);
    return with_grad("softmax", y, {rows}, [y](const Tensor& g, Wanted) {
      const Tensor gy = g * y;
      return Grads{gy - y * sum(gy, -1, true)};  // y * (g - <g, y>)
    });
  });
}

Tensor log_softmax(const Tensor& x, int axis) {
  return on_last_axis("log_softmax", widened(x), axis, [](const Tensor& rows) {
    const Tensor y = rows_softmax("log_softmax", rows, true);
    return with_grad("log_softmax", y, {rows},
                     [y](const Tensor& g, Wanted) { return Grads{g - exp(y) * sum(g, -1, true)}; });
  });
}

}  // namespace tandem
