#include <tandem/autograd/tape.h>
#include <tandem/kernels/conv.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/few_channels.h>
#include <tandem/kernels/pool.h>
#include <tandem/kernels/reduce.h>
#include <tandem/kernels/winograd.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/check.h>
#include <tandem/ops/image.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/shape.h>

#include <algorithm>

namespace tandem {
namespace {

constexpr int64_t most = 1 << 20;  // of a stride, dilation, padding or window: sums of them stay small numbers

bool within(int64_t least, std::initializer_list<int64_t> values) {
  return std::ranges::all_of(values, [&](int64_t v) { return v >= least && v <= most; });
}

void expect_image(const char* name, const Tensor& x) {
  if (x.rank() != 4) fail(name, "takes images of shape (n, height, width, channels), got {}", x.shape());
}

kernels::ConvShape conv_shape(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& o) {
  expect_image("conv2d", x);
  if (w.rank() != 4) fail("conv2d", "weight must have shape (out, in/groups, height, width), got {}", w.shape());
  const Shape &xs = x.shape(), &ws = w.shape();
  if (!within(1, {o.stride, o.dilation, o.groups}) || !within(0, {o.padding}))
    fail("conv2d", "stride {}, dilation {} and groups {} must be at least 1 and padding {} at least 0, all at most {}",
         o.stride, o.dilation, o.groups, o.padding, most);
  if (xs[3] != ws[1] * o.groups || ws[0] % o.groups != 0 || ws[0] < 1 || xs[3] < 1)
    fail("conv2d",
         "input {} has {} channels but weight {} with {} groups takes {}, and {} outputs must divide by the groups", xs,
         xs[3], ws, o.groups, ws[1] * o.groups, ws[0]);
  if (bias.defined() && bias.shape() != Shape{ws[0]})
    fail("conv2d", "bias {} does not fit weight {}: expected ({})", bias.shape(), ws, ws[0]);
  const kernels::ConvShape s{xs[0],    xs[1],    xs[2],     xs[3],     ws[0],      ws[2],      ws[3],
                             o.stride, o.stride, o.padding, o.padding, o.dilation, o.dilation, o.groups};
  const int64_t reach_h = o.dilation * (s.kh - 1) + 1, reach_w = o.dilation * (s.kw - 1) + 1;
  if (s.kh < 1 || s.kw < 1 || xs[1] + 2 * o.padding < reach_h || xs[2] + 2 * o.padding < reach_w)
    fail("conv2d", "kernel {}x{} with dilation {} does not fit input {}x{} with padding {}", s.kh, s.kw, o.dilation,
         xs[1], xs[2], o.padding);
  return s;
}

kernels::PoolShape pool_shape(const char* name, const Tensor& x, const PoolOptions& o) {
  expect_image(name, x);
  const int64_t stride = o.stride == 0 ? o.kernel : o.stride;
  if (!within(1, {o.kernel, stride}) || o.padding < 0 || o.padding > o.kernel / 2)
    fail(name, "kernel {} and stride {} must lie between 1 and {}, padding {} between 0 and half the kernel", o.kernel,
         stride, most, o.padding);
  const kernels::PoolShape s{x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3], o.kernel,
                             o.kernel,     stride,       stride,       o.padding,    o.padding};
  if (s.h + 2 * o.padding < o.kernel || s.w + 2 * o.padding < o.kernel)
    fail(name, "window {} does not fit input {}x{} with padding {}", o.kernel, s.h, s.w, o.padding);
  return s;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
  const kernels::ConvShape s = conv_shape(x, w, bias, options);
  expect_same_type("conv2d", x, {&w, &bias});
  Tensor y = Tensor::empty({s.n, s.oh(), s.ow(), s.o}, x.dtype());
  dispatch_stored("conv2d", x.dtype(), [&](auto t) {
    using S = decltype(t);
    using T = Wide<S>;
    kernels::conv2d(s, x.data<const S>(), w.data<const T>(),
                    bias.defined() ? bias.data<const T>() : std::span<const T>{}, y.data<S>());
  });
  return with_grad(
      "conv2d", y, {x, w, bias},
      [s, xs = x.shape(), ws = w.shape(), x = keep_for(w, x), w = keep_for(x, w)](const Tensor& g, Wanted wanted) {
        Grads grads(3);
        dispatch_stored("conv2d", g.dtype(), [&](auto t) {
          using S = decltype(t);
          using T = Wide<S>;
          const std::span<const S> gy = g.data<const S>();
          const auto make = [&](size_t i, const Shape& shape, auto type) {
            grads[i] = Tensor::empty(shape, dtype_v<decltype(type)>);
            return grads[i].template data<decltype(type)>();
          };
          if (wanted[0]) kernels::conv2d_grad_input(s, gy, w.data<const T>(), make(0, xs, S{}));
          if (wanted[1]) kernels::conv2d_grad_weight(s, x.data<const S>(), gy, make(1, ws, T{}));
          if (wanted[2])
            kernels::reduce<T>(kernels::Reduce::sum, 1, s.n * s.oh() * s.ow(), s.o, widened(g).data<const T>(),
                               make(2, {s.o}, T{}));
        });
        return grads;
      });
}

PackedConv2d pack(const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
  PackedConv2d out{.weight = weight.detach(), .bias = bias.detach(), .options = options, .transformed = nullptr};
  // The layout depends on the weight alone: any picture that it takes will do.
  const int64_t reach_h = options.dilation * weight.size(2) + 1, reach_w = options.dilation * weight.size(3) + 1;
  const kernels::ConvShape s =
      conv_shape(Tensor::empty({0, reach_h, reach_w, weight.size(1) * options.groups}), weight, bias, options);
  out.winograd = kernels::winograd_fits(s);
  if (weight.dtype() == DType::f32 && out.winograd)
    out.transformed = std::make_shared<const Block>(kernels::winograd_weight(s, weight.data<const float>()));
  else if (weight.dtype() == DType::f32 && kernels::few_channels_fits(s))
    out.transformed = std::make_shared<const Block>(kernels::few_channels_weight(s, weight.data<const float>()));
  return out;
}

Tensor conv2d(const Tensor& x, const PackedConv2d& p, const Tensor& added, bool with_relu) {
  const NoGrad off;
  if (!p.transformed || x.dtype() != DType::f32 || (!p.winograd && added.defined())) {
    Tensor y = conv2d(x, p.weight, p.bias, p.options);
    if (added.defined()) y = y + added;
    return with_relu ? relu(y) : y;
  }
  const kernels::ConvShape s = conv_shape(x, p.weight, p.bias, p.options);
  Tensor y = Tensor::empty({s.n, s.oh(), s.ow(), s.o});
  if (added.defined() && (added.shape() != y.shape() || added.dtype() != y.dtype()))
    fail("conv2d", "what is added has shape {}, expected the result's {}", added.shape(), y.shape());
  const auto values = [](const Tensor& part) {
    return part.defined() ? part.data<const float>() : std::span<const float>{};
  };
  if (s.n > 0 && !p.winograd)
    kernels::few_channels_conv2d(s, x.data<const float>(), *p.transformed, values(p.bias), with_relu, y.data<float>());
  else if (s.n > 0)
    kernels::winograd_conv2d(s, x.data<const float>(), *p.transformed, values(p.bias), values(added), with_relu,
                             y.data<float>());
  return y;
}

Tensor max_pool2d(const Tensor& x, const PoolOptions& options, bool with_relu) {
  const kernels::PoolShape s = pool_shape("max_pool2d", x, options);
  Tensor y = Tensor::empty({s.n, s.oh(), s.ow(), s.c}, x.dtype());
  const Tensor where = recording({x}) ? Tensor::empty(y.shape(), DType::i32) : Tensor{};  // the gradient wants it
  dispatch_stored("max_pool2d", x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::max_pool<T>(s, x.data<const T>(), with_relu, y.data<T>(),
                         where.defined() ? where.data<int32_t>() : std::span<int32_t>{});
  });
  return with_grad(
      "max_pool2d", y, {x}, [s, where, kept = with_relu ? y : Tensor{}, shape = x.shape()](const Tensor& g, Wanted) {
        Tensor gx = Tensor::empty(shape, g.dtype());
        dispatch_stored("max_pool2d", g.dtype(), [&](auto t) {
          using T = decltype(t);
          Tensor counted = g;
          if (kept.defined()) {
            counted = Tensor::empty(g.shape(), g.dtype());
            kernels::unary_grad(kernels::Unary::relu, 0, kept.data<const T>(), g.data<const T>(), counted.data<T>());
          }
          kernels::max_pool_grad<T>(s, where.data<const int32_t>(), counted.data<const T>(), gx.data<T>());
        });
        return Grads{gx};
      });
}

Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) {
  if (x.dtype() == DType::bf16) return avg_pool2d(widened(x), options);
  const kernels::PoolShape s = pool_shape("avg_pool2d", x, options);
  Tensor y = Tensor::empty({s.n, s.oh(), s.ow(), s.c}, x.dtype());
  dispatch_float("avg_pool2d", x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::average_pool<T>(s, x.data<const T>(), y.data<T>());
  });
  return with_grad("avg_pool2d", y, {x}, [s, shape = x.shape()](const Tensor& g, Wanted) {
    Tensor gx = Tensor::empty(shape, g.dtype());
    dispatch_float("avg_pool2d", g.dtype(), [&](auto t) {
      using T = decltype(t);
      kernels::average_pool_grad<T>(s, g.data<const T>(), gx.data<T>());
    });
    return Grads{gx};
  });
}

Tensor global_avg_pool2d(const Tensor& x) {
  expect_image("global_avg_pool2d", x);
  return mean(reshape(widened(x), {x.size(0), x.size(1) * x.size(2), x.size(3)}), 1);
}

}  // namespace tandem
