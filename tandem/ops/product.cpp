#include <tandem/kernels/matmul.h>
#include <tandem/kernels/reduce.h>
#include <tandem/ops/product.h>

namespace tandem {

Tensor product(const Tensor& a, bool ta, const Tensor& b, bool tb, const Tensor& bias, bool backwards) {
  const Shape& as = a.shape();
  const Shape& bs = b.shape();
  const kernels::MatmulShape s{ta ? as[-1] : as[-2], tb ? bs[-2] : bs[-1], ta ? as[-2] : as[-1], ta, tb, backwards};
  const int64_t batch = a.rank() == 3 ? as[0] : 1;
  Tensor c = Tensor::empty(a.rank() == 3 ? Shape{batch, s.m, s.n} : Shape{s.m, s.n},
                           a.dtype() == DType::bf16 ? DType::f32 : a.dtype());
  dispatch_stored("matmul", a.dtype(), [&](auto t) {
    using T = decltype(t);
    using Sum = Wide<T>;
    const auto part = []<class U>(std::span<U> all, int64_t i, int64_t size) {
      return all.subspan(static_cast<size_t>(i * size), static_cast<size_t>(size));
    };
    for (int64_t i = 0; i < batch; ++i)
      kernels::matmul(s, part(a.data<const T>(), i, s.m * s.k), part(b.data<const T>(), i, s.k * s.n),
                      bias.defined() ? bias.data<const Sum>() : std::span<const Sum>{},
                      part(c.data<Sum>(), i, s.m * s.n));
  });
  return c;
}

Tensor column_sum(const Tensor& x) {
  Tensor out = Tensor::empty({x.shape()[1]}, x.dtype());
  dispatch_float("linear", x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::reduce<T>(kernels::Reduce::sum, 1, x.shape()[0], x.shape()[1], x.data<const T>(), out.data<T>());
  });
  return out;
}

}  // namespace tandem
