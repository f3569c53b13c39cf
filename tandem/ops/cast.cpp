#include <tandem/autograd/tape.h>
#include <tandem/kernels/bfloat16.h>
#include <tandem/ops/cast.h>

namespace tandem {
namespace {

Tensor converted(const Tensor& x, DType type) {
  if (x.dtype() == DType::f32 && type == DType::bf16) {
    Tensor y = Tensor::empty(x.shape(), type);
    kernels::narrow(x.data<const float>(), y.data<BFloat16>());
    return y;
  }
  if (x.dtype() == DType::bf16 && type == DType::f32) {
    Tensor y = Tensor::empty(x.shape(), type);
    kernels::widen(x.data<const BFloat16>(), y.data<float>());
    return y;
  }
  return x.to(type);
}

}  // namespace

Tensor cast(const Tensor& x, DType type) {
  for (const DType one : {x.dtype(), type}) dispatch_stored("cast", one, [](auto) {});
  if (x.dtype() == type) return x;
  return with_grad("cast", converted(x, type), {x},
                   [type = x.dtype()](const Tensor& g, Wanted) { return Grads{converted(g, type)}; });
}

Tensor widened(const Tensor& x) { return x.dtype() == DType::bf16 ? cast(x, DType::f32) : x; }

}  // namespace tandem
