#include <tandem/autograd/tape.h>
#include <tandem/ops/elementwise.h>

namespace tandem {

Tensor elementwise(const char* name, kernels::Unary op, const Tensor& x, double parameter) {
  if (!x.defined()) fail(name, "the operand was never given a value");
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch_stored(name, x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::unary(op, parameter, x.data<const T>(), y.data<T>());
  });
  const kernels::Reads reads = kernels::unary_grad_reads(op);
  const Tensor kept = reads == kernels::Reads::output ? y : reads == kernels::Reads::input ? x.detach() : Tensor{};
  return with_grad(name, y, {x}, [name, op, parameter, kept](const Tensor& g, Wanted) {
    Tensor gx = Tensor::empty(g.shape(), g.dtype());
    dispatch_stored(name, g.dtype(), [&](auto t) {
      using T = decltype(t);
      kernels::unary_grad(op, parameter, (kept.defined() ? kept : g).template data<const T>(), g.data<const T>(),
                          gx.data<T>());
    });
    return Grads{gx};
  });
}

}  // namespace tandem
