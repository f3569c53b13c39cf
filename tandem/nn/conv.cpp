#include <tandem/nn/conv.h>
#include <tandem/ops/cast.h>

#include <algorithm>

namespace tandem::nn {
namespace {

void expect_image(const char* name, const Shape& in) {
  if (in.rank() != 3)
    fail(name, "takes images (height, width, channels), got shape {}: it must stand before flatten", in);
}

// The first filters of each group become the middle of a channel each: at first the layer hands on what it is given.
void pass_on(const Tensor& weight, int64_t groups) {
  const int64_t channels = weight.size(1), kernel = weight.size(2), area = kernel * kernel;
  const int64_t filters = weight.size(0), own = filters / groups;
  const auto w = weight.data<float>();
  for (int64_t f = 0; f < filters; ++f) {
    if (f % own >= channels) continue;
    const auto filter = w.subspan(static_cast<size_t>(f * channels * area), static_cast<size_t>(channels * area));
    std::ranges::fill(filter, 0.0F);
    filter[static_cast<size_t>(f % own * area + kernel / 2 * (kernel + 1))] = 1;
  }
}

}  // namespace

void Conv2d::fields(Fields& f) {
  f("filters", filters, {1, 65536});
  f("kernel", kernel, {1, 1023});
  f("stride", stride, {1, 1023});
  f("padding", padding, {0, 1023}, {"same", same});
  f("dilation", dilation, {1, 1023});
  f("groups", groups, {1, 65536});
  f("bias", with_bias);
  f("init", init, {"uniform", "he", "dirac", "whitened"});
}

Conv2dOptions Conv2d::options() const {
  return {stride, padding == same ? dilation * (kernel - 1) / 2 : padding, dilation, groups};
}

Shape Conv2d::output(const Shape& in) const {
  expect_image("conv", in);
  if (filters < 1) fail("conv", "filters is missing: give the number of output channels, as in conv: 32");
  if (padding == same && dilation * (kernel - 1) % 2 != 0)
    fail("conv", "padding: same needs an odd kernel, got {}: use {} or give the padding as a number", kernel,
         kernel + 1);
  if (in[2] % groups != 0 || filters % groups != 0)
    fail("conv", "{} channels and {} filters must both divide by groups {}", in[2], filters, groups);
  const int64_t pad = options().padding, reach = dilation * (kernel - 1) + 1;
  if (in[0] + 2 * pad < reach || in[1] + 2 * pad < reach)
    fail("conv",
         "kernel {} (dilation {}) is larger than its input {}x{} with padding {}: use a smaller kernel, padding: same, "
         "or pool less before it",
         kernel, dilation, in[0], in[1], pad);
  return {(in[0] + 2 * pad - reach) / stride + 1, (in[1] + 2 * pad - reach) / stride + 1, filters};
}

Shape Conv2d::build(const Shape& in, Build& build) {
  const Shape out = output(in);
  const int64_t fan_in = in[2] / groups * kernel * kernel;
  const Shape shape{filters, in[2] / groups, kernel, kernel};
  weight = init == "he" ? build.he(shape, fan_in) : build.uniform(shape, fan_in);
  if (init == "dirac") pass_on(weight, groups);
  bias = with_bias ? build.uniform({filters}, fan_in) : Tensor{};
  packed_.reset();
  return out;
}

Tensor Conv2d::forward(const Tensor& x, Pass& pass) {
  if (pass.training) packed_.reset();  // its weight will move
  if (pass.bf16) return conv2d(cast(x, DType::bf16), weight, bias, options());
  return packed_ ? conv2d(x, *packed_, {}, false) : conv2d(x, weight, bias, options());
}

Tensor Conv2d::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  if (packed_ && !pass.training && !pass.bf16 && f == kernels::Unary::relu) return conv2d(x, *packed_, added, true);
  return Module::forward_then(f, x, pass, added);
}

void Conv2d::prepare() { packed_ = std::make_shared<const PackedConv2d>(pack(weight, bias, options())); }

void Conv2d::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, init != "whitened");
  if (with_bias) v(at + "bias", bias, true);
}

int64_t Conv2d::multiply_adds(const Shape& in) const {
  const Shape out = output(in);
  return out[0] * out[1] * weight.numel();
}

void Pool2d::fields(Fields& f) {
  f("kernel", options.kernel, {1, 1023});
  f("stride", options.stride, {0, 1023});
  f("padding", options.padding, {0, 511});
}

Shape Pool2d::build(const Shape& in, Build&) {
  expect_image(kind().c_str(), in);
  const int64_t stride = options.stride == 0 ? options.kernel : options.stride;
  if (in[0] + 2 * options.padding < options.kernel || in[1] + 2 * options.padding < options.kernel)
    fail(kind(), "window {} is larger than its input {}x{}: pool less before it", options.kernel, in[0], in[1]);
  return {(in[0] + 2 * options.padding - options.kernel) / stride + 1,
          (in[1] + 2 * options.padding - options.kernel) / stride + 1, in[2]};
}

Tensor MaxPool2d::forward(const Tensor& x, Pass&) { return max_pool2d(x, options); }
Tensor MaxPool2d::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  if (f == kernels::Unary::relu && !added.defined()) return max_pool2d(x, options, true);
  return Module::forward_then(f, x, pass, added);
}
Tensor AvgPool2d::forward(const Tensor& x, Pass&) { return avg_pool2d(x, options); }

Shape GlobalAvgPool::build(const Shape& in, Build&) {
  expect_image("global_avg_pool", in);
  return {in[2]};
}
Tensor GlobalAvgPool::forward(const Tensor& x, Pass&) { return global_avg_pool2d(x); }

}  // namespace tandem::nn
