#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/bfloat16.h>
#include <tandem/kernels/conv.h>
#include <tandem/kernels/conv_grad_bf16.h>
#include <tandem/kernels/few_channels.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/onednn.h>
#include <tandem/kernels/winograd.h>

#include <algorithm>
#include <type_traits>

namespace tandem::kernels {
namespace {

using dnnl::memory;
using tag = memory::format_tag;

enum Kind : int64_t { forward = 10, grad_input, grad_weight };

// The batch is cut into at most `pieces` equal parts (the last may be smaller): a rule of the size alone.
int64_t images_a_piece(int64_t n, int64_t pieces) { return std::max<int64_t>(1, (n + pieces - 1) / pieces); }

// T is the type that images are stored in. The weight that oneDNN works on has the same type; its gradient is float.
template <class T>
constexpr auto type_of = std::is_same_v<T, float> ? memory::data_type::f32 : memory::data_type::bf16;

template <class T>
onednn::Key key_of(Kind kind, const ConvShape& s, bool bias) {
  return {kind,       s.n,     s.h,     s.w,          s.c,          s.o,      s.kh, s.kw,     s.stride_h,
          s.stride_w, s.pad_h, s.pad_w, s.dilation_h, s.dilation_w, s.groups, bias, sizeof(T)};
}

memory::desc weight_layout(const ConvShape& s, tag plain_or_any, memory::data_type kind = memory::data_type::f32) {
  if (s.groups > 1)
    return {
        {s.groups, s.o / s.groups, s.c / s.groups, s.kh, s.kw}, kind, plain_or_any == tag::any ? tag::any : tag::goihw};
  return {{s.o, s.c, s.kh, s.kw}, kind, plain_or_any == tag::any ? tag::any : tag::oihw};
}

ConvShape part(const ConvShape& s, int64_t images) {
  ConvShape piece = s;
  piece.n = images;
  return piece;
}

// The three primitives differ in their classes only; all want channels-last images and choose their own weight layout.
template <class T>
const onednn::Prepared& convolution(Kind kind, const ConvShape& s, bool with_bias) {
  return onednn::prepared(key_of<T>(kind, s, with_bias), [&] {
    const auto src = onednn::layout({s.n, s.c, s.h, s.w}, tag::nhwc, type_of<T>);
    const auto dst = onednn::layout({s.n, s.o, s.oh(), s.ow()}, tag::nhwc, type_of<T>);
    const auto weights = weight_layout(s, tag::any, type_of<T>), weights_grad = weight_layout(s, tag::any);
    const auto bias = with_bias ? onednn::layout({s.o}, tag::a) : memory::desc();
    const memory::dims strides{s.stride_h, s.stride_w}, dilations{s.dilation_h - 1, s.dilation_w - 1};
    const memory::dims before{s.pad_h, s.pad_w};
    // oneDNN wants the padding that the last window really needs, which can be less than was asked for.
    const memory::dims after{(s.oh() - 1) * s.stride_h + s.dilation_h * (s.kh - 1) + 1 - s.h - s.pad_h,
                             (s.ow() - 1) * s.stride_w + s.dilation_w * (s.kw - 1) + 1 - s.w - s.pad_w};
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const auto attributes = onednn::user_scratchpad();
    const auto prop = dnnl::prop_kind::forward_training;
    const auto desc = with_bias ? dnnl::convolution_forward::desc(prop, algorithm, src, weights, bias, dst, strides,
                                                                  dilations, before, after)
                                : dnnl::convolution_forward::desc(prop, algorithm, src, weights, dst, strides,
                                                                  dilations, before, after);
    const dnnl::convolution_forward::primitive_desc hint(desc, attributes, onednn::engine());
    const auto keep = [&](const auto& made, dnnl::primitive primitive, const memory::desc& w) {
      return onednn::Prepared{std::move(primitive), src, w, bias, dst, made.scratchpad_desc(), made.impl_info_str()};
    };
    if (kind == forward) return keep(hint, dnnl::convolution_forward(hint), hint.weights_desc());
    if (kind == grad_input) {
      const dnnl::convolution_backward_data::primitive_desc made(
          {algorithm, src, weights, dst, strides, dilations, before, after}, attributes, onednn::engine(), hint);
      return keep(made, dnnl::convolution_backward_data(made), made.weights_desc());
    }
    const dnnl::convolution_backward_weights::primitive_desc made(
        {algorithm, src, weights_grad, dst, strides, dilations, before, after}, attributes, onednn::engine(), hint);
    return keep(made, dnnl::convolution_backward_weights(made), made.diff_weights_desc());
  });
}

// The weight in the layout that `wanted` names: the memory itself when that is the plain layout.
class Weight {
 public:
  Weight(const ConvShape& s, std::span<const float> plain, const memory::desc& wanted) : data_(plain.data()) {
    const auto from = weight_layout(s, tag::oihw);
    if (from == wanted) return;
    copy_ = Block(wanted.get_size());
    onednn::reorder(from, plain.data(), wanted, copy_.data());
    data_ = copy_.data();
  }
  [[nodiscard]] const void* data() const { return data_; }

 private:
  Block copy_;
  const void* data_;
};

// Runs `piece(primitive, weight, first image)` for each part of the batch. The weight is laid out once; a last, smaller
// part may prefer another layout and then makes its own.
template <class T, class Fn>
void each_piece(Kind kind, const ConvShape& s, bool bias, std::span<const float> plain, Fn&& piece) {
  const int64_t step = images_a_piece(s.n, 16);
  const memory::desc layout = convolution<T>(kind, part(s, std::min(step, s.n)), bias).weights;
  const Weight weight(s, plain, layout);
  parallel_for(s.n, step, [&](int64_t begin, int64_t end) {
    const onednn::Prepared& op = convolution<T>(kind, part(s, end - begin), bias);
    if (op.weights == layout) return piece(op, weight.data(), begin);
    piece(op, Weight(s, plain, op.weights).data(), begin);
  });
}

// The pixels that a strided 1x1 convolution looks at, side by side: n x oh x ow x c.
template <class T>
Block seen_pixels(const ConvShape& s, std::span<const T> x) {
  Block out(static_cast<size_t>(s.n * s.oh() * s.ow() * s.c) * sizeof(T));
  parallel_for(s.n * s.oh(), 16, [&](int64_t begin, int64_t end) {
    T* to = out.as<T>() + begin * s.ow() * s.c;
    for (int64_t line = begin; line < end; ++line)
      for (int64_t ox = 0; ox < s.ow(); ++ox) {
        const int64_t row = line / s.oh() * s.h + line % s.oh() * s.stride_h;
        to = std::copy_n(x.data() + (row * s.w + ox * s.stride_w) * s.c, s.c, to);
      }
  });
  return out;
}

template <class T>
void onednn_conv2d(const ConvShape& s, std::span<const T> x, std::span<const float> weight, std::span<const float> bias,
                   std::span<T> y) {
  each_piece<T>(forward, s, !bias.empty(), weight, [&](const onednn::Prepared& op, const void* w, int64_t first) {
    const T* x_at = x.data() + first * s.h * s.w * s.c;
    const T* y_at = y.data() + first * s.oh() * s.ow() * s.o;
    if (bias.empty())
      onednn::run(op, {{DNNL_ARG_SRC, op.src, x_at}, {DNNL_ARG_WEIGHTS, op.weights, w}, {DNNL_ARG_DST, op.dst, y_at}});
    else
      onednn::run(op, {{DNNL_ARG_SRC, op.src, x_at},
                       {DNNL_ARG_WEIGHTS, op.weights, w},
                       {DNNL_ARG_BIAS, op.bias, bias.data()},
                       {DNNL_ARG_DST, op.dst, y_at}});
  });
}

template <class T>
void onednn_grad_input(const ConvShape& s, std::span<const T> gy, std::span<const float> weight, std::span<T> gx) {
  each_piece<T>(grad_input, s, false, weight, [&](const onednn::Prepared& op, const void* w, int64_t first) {
    onednn::run(op, {{DNNL_ARG_DIFF_DST, op.dst, gy.data() + first * s.oh() * s.ow() * s.o},
                     {DNNL_ARG_WEIGHTS, op.weights, w},
                     {DNNL_ARG_DIFF_SRC, op.src, gx.data() + first * s.h * s.w * s.c}});
  });
}

template <class T>
void onednn_grad_weight(const ConvShape& s, std::span<const T> x, std::span<const T> gy, std::span<float> gw) {
  // oneDNN 2.6 writes past its own scratch memory for strided 1x1 kernels and few channels (uxlfoundation/oneDNN#6035,
  // open): it gets the same product without a stride.
  if (s.kh == 1 && s.kw == 1 && (s.stride_h > 1 || s.stride_w > 1) && s.pad_h == 0 && s.pad_w == 0) {
    ConvShape dense = s;
    dense.h = s.oh(), dense.w = s.ow(), dense.stride_h = dense.stride_w = 1;
    const Block pixels = seen_pixels(s, x);
    const std::span<const T> seen(pixels.as<T>(), static_cast<size_t>(s.n * dense.h * dense.w * s.c));
    return onednn_grad_weight(dense, seen, gy, gw);
  }
  // A partial sum a piece, added in order: few pieces when the weight is large.
  const int64_t step = images_a_piece(s.n, s.weights() > 1'000'000 ? 4 : 8);
  const int64_t pieces = (s.n + step - 1) / step;
  const memory::desc layout = convolution<T>(grad_weight, part(s, std::min(step, s.n)), false).weights;
  const auto floats = static_cast<int64_t>(layout.get_size() / sizeof(float));
  const Block partial(static_cast<size_t>(pieces) * layout.get_size());
  parallel_for(s.n, step, [&](int64_t begin, int64_t end) {
    const onednn::Prepared& op = convolution<T>(grad_weight, part(s, end - begin), false);
    float* into = partial.as<float>() + begin / step * floats;
    const T* x_at = x.data() + begin * s.h * s.w * s.c;
    const T* g_at = gy.data() + begin * s.oh() * s.ow() * s.o;
    if (op.weights == layout) {
      onednn::run(
          op,
          {{DNNL_ARG_SRC, op.src, x_at}, {DNNL_ARG_DIFF_DST, op.dst, g_at}, {DNNL_ARG_DIFF_WEIGHTS, op.weights, into}});
    } else {  // a last, smaller piece may prefer another layout
      const Block own(op.weights.get_size());
      onednn::run(op, {{DNNL_ARG_SRC, op.src, x_at},
                       {DNNL_ARG_DIFF_DST, op.dst, g_at},
                       {DNNL_ARG_DIFF_WEIGHTS, op.weights, own.data()}});
      onednn::reorder(op.weights, own.data(), layout, into);
    }
  });
  float* sum = partial.as<float>();
  for (int64_t piece = 1; piece < pieces; ++piece)
    for (int64_t i = 0; i < floats; ++i) sum[i] += sum[piece * floats + i];
  onednn::reorder(layout, sum, weight_layout(s, tag::oihw), gw.data());
}

}  // namespace

void conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight, std::span<const float> bias,
            std::span<float> y) {
  if (s.n == 0) return;
  if (winograd_fits(s)) return winograd_conv2d(s, x, weight, bias, y);
  if (few_channels_fits(s)) return few_channels_conv2d(s, x, weight, bias, y);
  onednn_conv2d(s, x, weight, bias, y);
}

void conv2d_grad_input(const ConvShape& s, std::span<const float> gy, std::span<const float> weight,
                       std::span<float> gx) {
  if (s.n == 0) return;
  winograd_fits(s) ? winograd_grad_input(s, gy, weight, gx) : onednn_grad_input(s, gy, weight, gx);
}

void conv2d_grad_weight(const ConvShape& s, std::span<const float> x, std::span<const float> gy, std::span<float> gw) {
  if (s.n == 0) return std::ranges::fill(gw, 0.0F), void();
  winograd_fits(s) ? winograd_grad_weight(s, x, gy, gw) : onednn_grad_weight(s, x, gy, gw);
}

// Without the instruction for bfloat16 images are widened, and results rounded: oneDNN would be slower at it. Where the
// processor multiplies whole tiles, Winograd's fewer products no longer pay for its transforms.

namespace {

bool winograd_pays(const ConvShape& s) { return winograd_fits(s) && !has_bf16_tiles(); }

}  // namespace

void conv2d(const ConvShape& s, std::span<const BFloat16> x, std::span<const float> weight, std::span<const float> bias,
            std::span<BFloat16> y) {
  if (s.n == 0) return;
  if (!has_bf16_dot()) {
    const Widened wide(x), result(y.size());
    conv2d(s, wide.values(), weight, bias, result.values());
    return narrow(result.values(), y);
  }
  winograd_pays(s) ? winograd_conv2d(s, x, weight, bias, y) : onednn_conv2d(s, x, weight, bias, y);
}

void conv2d_grad_input(const ConvShape& s, std::span<const BFloat16> gy, std::span<const float> weight,
                       std::span<BFloat16> gx) {
  if (s.n == 0) return;
  if (!has_bf16_dot()) {
    const Widened wide(gy), result(gx.size());
    conv2d_grad_input(s, wide.values(), weight, result.values());
    return narrow(result.values(), gx);
  }
  winograd_pays(s) ? winograd_grad_input(s, gy, weight, gx) : onednn_grad_input(s, gy, weight, gx);
}

void conv2d_grad_weight(const ConvShape& s, std::span<const BFloat16> x, std::span<const BFloat16> gy,
                        std::span<float> gw) {
  if (s.n == 0) return std::ranges::fill(gw, 0.0F), void();
  if (!has_bf16_dot()) return conv2d_grad_weight(s, Widened(x).values(), Widened(gy).values(), gw);
  if (has_bf16_tiles() && long_products_fit(s)) return long_products_grad_weight(s, x, gy, gw);
  winograd_pays(s) ? winograd_grad_weight(s, x, gy, gw) : onednn_grad_weight(s, x, gy, gw);
}

namespace {

// Calls fn(x index, weight index, y index) for every product of the convolution: the one plain loop behind all three.
template <class Fn>
void each_product(const ConvShape& s, Fn&& fn) {
  const int64_t cg = s.c / s.groups, og = s.o / s.groups;
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t y = 0; y < s.oh(); ++y)
      for (int64_t x = 0; x < s.ow(); ++x)
        for (int64_t o = 0; o < s.o; ++o)
          for (int64_t ky = 0; ky < s.kh; ++ky)
            for (int64_t kx = 0; kx < s.kw; ++kx) {
              const int64_t iy = y * s.stride_h - s.pad_h + ky * s.dilation_h;
              const int64_t ix = x * s.stride_w - s.pad_w + kx * s.dilation_w;
              if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
              for (int64_t c = 0; c < cg; ++c)
                fn(static_cast<size_t>(((n * s.h + iy) * s.w + ix) * s.c + o / og * cg + c),
                   static_cast<size_t>(((o * cg + c) * s.kh + ky) * s.kw + kx),
                   static_cast<size_t>(((n * s.oh() + y) * s.ow() + x) * s.o + o));
            }
}

}  // namespace

void conv2d(const ConvShape& s, std::span<const double> x, std::span<const double> weight, std::span<const double> bias,
            std::span<double> y) {
  for (size_t i = 0; i < y.size(); ++i) y[i] = bias.empty() ? 0.0 : bias[i % static_cast<size_t>(s.o)];
  each_product(s, [&](size_t xi, size_t wi, size_t yi) { y[yi] += x[xi] * weight[wi]; });
}

void conv2d_grad_input(const ConvShape& s, std::span<const double> gy, std::span<const double> weight,
                       std::span<double> gx) {
  std::ranges::fill(gx, 0.0);
  each_product(s, [&](size_t xi, size_t wi, size_t yi) { gx[xi] += gy[yi] * weight[wi]; });
}

void conv2d_grad_weight(const ConvShape& s, std::span<const double> x, std::span<const double> gy,
                        std::span<double> gw) {
  std::ranges::fill(gw, 0.0);
  each_product(s, [&](size_t xi, size_t wi, size_t yi) { gw[wi] += x[xi] * gy[yi]; });
}

}  // namespace tandem::kernels
