#include <tandem/autograd/tape.h>
#include <tandem/nn/int8.h>
#include <tandem/ops/cast.h>

#include <algorithm>
#include <cmath>

namespace tandem::nn {
namespace {

std::span<const float> values(const Tensor& t) {
  return t.defined() ? t.data<const float>() : std::span<const float>{};
}

void expect_length(const char* layer, int64_t products) {
  if (products > kernels::int8_longest)
    fail(layer, "each output sums {} products, more than {} could overflow: leave this layer in float32", products,
         kernels::int8_longest);
}

}  // namespace

void Int8Tensors::build(const Shape& shape, bool with_bias, Build& build) {
  weight = build.parameter(shape, DType::i8);
  std::ranges::fill(weight.data<int8_t>(), int8_t{0});
  scale = build.full({shape[0]}, 1);
  bias = with_bias ? build.full({shape[0]}, 0) : Tensor{};
  input_scale = build.full({1}, 1);
  input_zero = Tensor::zeros({1}, DType::u8);
}

void Int8Tensors::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, true);
  if (bias.defined()) v(at + "bias", bias, true);
  v(at + "scale", scale, false);
  v(at + "input_scale", input_scale, false);
  v(at + "input_zero", input_zero, false);
}

void Int8Tensors::check(const char* layer) const {
  const auto possible = [&](const char* name, const Tensor& t) {
    for (const float value : t.data<const float>())
      if (!std::isnormal(value) || value < 0) fail(layer, "{} holds {}, expected positive numbers", name, value);
  };
  possible("scale", scale);
  possible("input_scale", input_scale);
  if (input_zero.at(0) > kernels::int8_most)
    fail(layer, "input_zero is {}, expected 0 to {}", input_zero.at(0), kernels::int8_most);
}

Tensor Int8Tensors::wide_weight() const {
  Tensor out = weight.to(DType::f32);
  const auto wide = out.data<float>();
  const size_t each = wide.size() / static_cast<size_t>(scale.numel());
  for (size_t i = 0; i < wide.size(); ++i) wide[i] *= scale.data<const float>()[i / each];
  return out;
}

kernels::Int8Scales Int8Tensors::scales() const {
  return {input_scale.data<const float>()[0], input_zero.data<const uint8_t>()[0], values(scale), values(bias)};
}

Shape Int8Linear::build(const Shape& in, Build& build) {
  const Shape out = like.output(in, build);
  expect_length("int8_linear", in[-1]);
  tensors.build({out[-1], in[-1]}, like.with_bias, build);
  prepared_.reset();
  return out;
}

Tensor Int8Linear::run(const Tensor& given, Pass& pass, bool relu) const {
  const Tensor x = widened(given);
  if (recording({x})) {
    Linear wide = in_float();
    return relu ? wide.forward_then(kernels::Unary::relu, x, pass, {}) : wide.forward(x, pass);
  }
  const int64_t k = tensors.weight.size(1), n = tensors.weight.size(0);
  if (x.rank() < 1 || x.shape()[-1] != k)
    fail("int8_linear", "input {} does not fit weight {}", x.shape(), tensors.weight.shape());
  Tensor y = Tensor::empty(x.shape().with(-1, n));
  const int64_t rows = x.shape().product(0, x.rank() - 1);
  const auto go = [&](const kernels::Int8Weight& w) {
    kernels::int8_linear(rows, n, k, x.data<const float>(), w, relu, y.data<float>());
  };
  prepared_ ? go(prepared_->ready) : go(kernels::int8_weight(tensors.weight.data<const int8_t>(), tensors.scales()));
  return y;
}

Tensor Int8Linear::forward(const Tensor& x, Pass& pass) { return run(x, pass, false); }

Tensor Int8Linear::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  if (f != kernels::Unary::relu || added.defined()) return Module::forward_then(f, x, pass, added);
  return run(x, pass, true);
}

int64_t Int8Linear::multiply_adds(const Shape& in) const {
  return in.product(0, in.rank() - 1) * tensors.weight.numel();
}

Linear Int8Linear::in_float() const {
  Linear out = like;
  out.weight = tensors.wide_weight(), out.bias = tensors.bias;
  return out;
}

void Int8Linear::prepare() {
  prepared_ = std::make_shared<const PreparedInt8>(
      PreparedInt8{tensors.weight, kernels::int8_weight(tensors.weight.data<const int8_t>(), tensors.scales())});
}

void Int8Conv2d::fields(Fields& f) {
  f("filters", like.filters, {1, 65536});
  f("kernel", like.kernel, {1, 1023});
  f("stride", like.stride, {1, 1023});
  f("padding", like.padding, {0, 1023}, {"same", Conv2d::same});
  f("dilation", like.dilation, {1, 1023});
  f("bias", like.with_bias);
}

Shape Int8Conv2d::build(const Shape& in, Build& build) {
  const Shape out = like.output(in);
  expect_length("int8_conv", in[2] * like.kernel * like.kernel);
  tensors.build({like.filters, in[2], like.kernel, like.kernel}, like.with_bias, build);
  in_ = in;
  prepared_.reset();
  return out;
}

kernels::ConvShape Int8Conv2d::shape_for(const Shape& images) const {
  const Conv2dOptions o = like.options();
  const Shape& w = tensors.weight.shape();
  return {images[0], images[1], images[2], images[3], w[0],       w[2],       w[3],
          o.stride,  o.stride,  o.padding, o.padding, o.dilation, o.dilation, 1};
}

std::shared_ptr<const PreparedInt8> Int8Conv2d::laid_out(const kernels::ConvShape& s) const {
  return std::make_shared<const PreparedInt8>(
      PreparedInt8{tensors.weight, kernels::int8_weight(s, tensors.weight.data<const int8_t>(), tensors.scales())});
}

Tensor Int8Conv2d::run(const Tensor& given, Pass& pass, const Tensor& added, bool relu) const {
  const Tensor x = widened(given);
  if (recording({x, added})) {
    Conv2d wide = in_float();
    return relu ? wide.forward_then(kernels::Unary::relu, x, pass, added) : wide.forward(x, pass);
  }
  if (x.rank() != 4 || x.size(3) != tensors.weight.size(1))
    fail("int8_conv", "input {} does not fit weight {}", x.shape(), tensors.weight.shape());
  const Shape out = like.output({x.size(1), x.size(2), x.size(3)});
  Tensor y = Tensor::empty({x.size(0), out[0], out[1], out[2]});
  if (added.defined() && (added.shape() != y.shape() || added.dtype() != DType::f32))
    fail("int8_conv", "what is added has shape {}, expected the result's {}", added.shape(), y.shape());
  const kernels::ConvShape s = shape_for(x.shape());
  const bool fits = prepared_ && prepared_->ready.height == s.h && prepared_->ready.width == s.w;
  const std::shared_ptr<const PreparedInt8> weight = fits ? prepared_ : laid_out(s);
  kernels::int8_conv2d(s, x.data<const float>(), weight->ready, values(added), relu, y.data<float>());
  return y;
}

Tensor Int8Conv2d::forward(const Tensor& x, Pass& pass) { return run(x, pass, {}, false); }

Tensor Int8Conv2d::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  return f == kernels::Unary::relu ? run(x, pass, added, true) : Module::forward_then(f, x, pass, added);
}

int64_t Int8Conv2d::multiply_adds(const Shape& in) const {
  const Shape out = like.output(in);
  return out[0] * out[1] * tensors.weight.numel();
}

Conv2d Int8Conv2d::in_float() const {
  Conv2d out = like;
  out.weight = tensors.wide_weight(), out.bias = tensors.bias;
  return out;
}

void Int8Conv2d::prepare() {
  if (in_.rank() == 3) prepared_ = laid_out(shape_for({1, in_[0], in_[1], in_[2]}));
}

void expect_trainable(const std::string& name, const Tensor& tensor) {
  if (tensor.dtype() == DType::i8)
    fail("train",
         "tensor '{}' is of 8-bit integers, which predict and do not learn: train the network that it was "
         "made of, and quantise that",
         name);
}

}  // namespace tandem::nn
