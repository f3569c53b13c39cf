#include <tandem/base/threads.h>
#include <tandem/kernels/int8.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/onednn.h>

#include <algorithm>
#include <numeric>

#ifndef TANDEM_INT8_LAYOUT  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_INT8_LAYOUT
namespace tandem::kernels {
namespace {

// Rows of `outputs` sums on their way to float.
struct Sums {
  const int32_t* sums;
  const int32_t* shift;
  const float *scale, *bias, *added;  // added: as y, or none
  float* y;
  int64_t rows, outputs;
  int64_t y_row;  // numbers from a row of y to the next
  bool relu;
};

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/int8.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using D = hn::CappedTag<float, 16>;
constexpr D d;
constexpr hn::RebindToSigned<D> whole;
constexpr int64_t lanes = HWY_MIN(16, HWY_MAX_BYTES / 4);

// The comparison with 0 comes first: it gives 0 for NaN.
HWY_INLINE hn::Vec<hn::Rebind<uint8_t, D>> quantised(hn::Vec<D> x, hn::Vec<D> inverse, hn::Vec<D> zero) {
  const auto near = hn::Max(hn::MulAdd(x, inverse, zero), hn::Zero(d));
  const auto cut = hn::Min(near, hn::Set(d, static_cast<float>(int8_most)));
  return hn::DemoteTo(hn::Rebind<uint8_t, D>(), hn::NearestInt(cut));
}

void Quantise(const float* HWY_RESTRICT x, int64_t n, float inverse_scale, int32_t zero_point,
              uint8_t* HWY_RESTRICT q) {
  const hn::Rebind<uint8_t, D> bytes;
  const auto inverse = hn::Set(d, inverse_scale), zero = hn::Set(d, static_cast<float>(zero_point));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(quantised(hn::LoadU(d, x + i), inverse, zero), bytes, q + i);
  if (i == n) return;
  const auto rest = hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(n - i)), d, x + i);
  HWY_ALIGN uint8_t last[lanes];
  hn::StoreU(quantised(rest, inverse, zero), bytes, last);
  std::copy_n(last, n - i, q + i);
}

HWY_INLINE hn::Vec<D> finished(const Sums& s, hn::Vec<decltype(whole)> sum, hn::Vec<decltype(whole)> shift,
                               hn::Vec<D> scale, hn::Vec<D> bias, hn::Vec<D> added) {
  const auto y = hn::Add(hn::MulAdd(hn::ConvertTo(d, hn::Sub(sum, shift)), scale, bias), added);
  return s.relu ? hn::Max(y, hn::Zero(d)) : y;
}

void Finish(const Sums& s) {
  for (int64_t row = 0; row < s.rows; ++row) {
    const int32_t* HWY_RESTRICT sums = s.sums + row * s.outputs;
    const float* added = s.added ? s.added + row * s.y_row : nullptr;
    float* HWY_RESTRICT y = s.y + row * s.y_row;
    int64_t o = 0;
    for (; o + lanes <= s.outputs; o += lanes)
      hn::StoreU(finished(s, hn::LoadU(whole, sums + o), hn::LoadU(whole, s.shift + o), hn::LoadU(d, s.scale + o),
                          hn::LoadU(d, s.bias + o), added ? hn::LoadU(d, added + o) : hn::Zero(d)),
                 d, y + o);
    if (o == s.outputs) continue;
    const auto left = static_cast<size_t>(s.outputs - o);
    const auto some = hn::FirstN(d, left);
    const auto integers = hn::FirstN(whole, left);
    hn::BlendedStore(
        finished(s, hn::MaskedLoad(integers, whole, sums + o), hn::MaskedLoad(integers, whole, s.shift + o),
                 hn::MaskedLoad(some, d, s.scale + o), hn::MaskedLoad(some, d, s.bias + o),
                 added ? hn::MaskedLoad(some, d, added + o) : hn::Zero(d)),
        some, d, y + o);
  }
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(Quantise);
HWY_EXPORT(Finish);

using dnnl::memory;
using type = memory::data_type;
using tag = memory::format_tag;

enum Kind : int64_t { convolution_of_int8 = 30, product_of_int8 };

// One picture, padded already.
const onednn::Prepared& convolution(const ConvShape& s) {
  const int64_t h = s.h + 2 * s.pad_h, w = s.w + 2 * s.pad_w;
  const onednn::Key key{convolution_of_int8, h,           w, s.c, s.o, s.kh, s.kw, s.stride_h, s.stride_w,
                        s.dilation_h,        s.dilation_w};
  return onednn::prepared(key, [&] {
    const auto src = onednn::layout({1, s.c, h, w}, tag::nhwc, type::u8);
    const auto dst = onednn::layout({1, s.o, s.oh(), s.ow()}, tag::nhwc, type::s32);
    const auto weights = onednn::layout({s.o, s.c, s.kh, s.kw}, tag::any, type::s8);
    // oneDNN wants the padding that the last window really needs: less than none where a stride leaves pixels over.
    const memory::dims after{(s.oh() - 1) * s.stride_h + s.dilation_h * (s.kh - 1) + 1 - h,
                             (s.ow() - 1) * s.stride_w + s.dilation_w * (s.kw - 1) + 1 - w};
    const dnnl::convolution_forward::primitive_desc made({dnnl::prop_kind::forward_inference,
                                                          dnnl::algorithm::convolution_direct,
                                                          src,
                                                          weights,
                                                          dst,
                                                          {s.stride_h, s.stride_w},
                                                          {s.dilation_h - 1, s.dilation_w - 1},
                                                          {0, 0},
                                                          after},
                                                         onednn::user_scratchpad(), onednn::engine());
    return onednn::Prepared{dnnl::convolution_forward(made),
                            src,
                            made.weights_desc(),
                            {},
                            dst,
                            made.scratchpad_desc(),
                            made.impl_info_str()};
  });
}

const onednn::Prepared& product(int64_t m, int64_t n, int64_t k) {
  return onednn::prepared({product_of_int8, m, n, k}, [&] {
    const auto src = onednn::layout({m, k}, tag::ab, type::u8), dst = onednn::layout({m, n}, tag::ab, type::s32);
    const auto weights = onednn::layout({k, n}, tag::ba, type::s8);  // as it lies: a row an output
    const dnnl::matmul::primitive_desc made({src, weights, dst}, onednn::user_scratchpad(), onednn::engine());
    return onednn::Prepared{dnnl::matmul(made), src, weights, {}, dst, made.scratchpad_desc(), made.impl_info_str()};
  });
}

// The picture as integers, `zero` round it.
void quantise_padded(const ConvShape& s, const float* picture, const Int8Weight& weight, uint8_t* to) {
  const int64_t line = s.w * s.c, side = s.pad_w * s.c, whole_line = line + 2 * side;
  const auto zero = static_cast<uint8_t>(weight.zero);
  to = std::fill_n(to, s.pad_h * whole_line, zero);
  for (int64_t y = 0; y < s.h; ++y, picture += line) {
    to = std::fill_n(to, side, zero);
    HWY_DYNAMIC_DISPATCH(Quantise)(picture, line, weight.inverse_scale, weight.zero, to);
    to = std::fill_n(to + line, side, zero);
  }
  std::fill_n(to, s.pad_h * whole_line, zero);
}

}  // namespace

Int8Weight int8_weight(std::span<const int8_t> weight, const Int8Scales& scales) {
  Int8Weight out;
  out.values = weight.data();
  out.inverse_scale = 1 / scales.input_scale;
  out.zero = scales.input_zero;
  const size_t outputs = scales.scale.size(), each = weight.size() / outputs;
  for (size_t o = 0; o < outputs; ++o) {
    const auto row = weight.subspan(o * each, each);
    out.scale.push_back(scales.input_scale * scales.scale[o]);
    out.bias.push_back(scales.bias.empty() ? 0.0F : scales.bias[o]);
    out.shift.push_back(scales.input_zero * std::accumulate(row.begin(), row.end(), int32_t{0}));
  }
  return out;
}

Int8Weight int8_weight(const ConvShape& s, std::span<const int8_t> weight, const Int8Scales& scales) {
  Int8Weight out = int8_weight(weight, scales);
  out.height = s.h, out.width = s.w;
  const memory::desc& wanted = convolution(s).weights;
  out.laid_out = Block(wanted.get_size());
  onednn::reorder(onednn::layout({s.o, s.c, s.kh, s.kw}, tag::oihw, type::s8), weight.data(), wanted,
                  out.laid_out.data());
  return out;
}

void quantise(std::span<const float> x, float inverse_scale, int32_t zero, std::span<uint8_t> q) {
  apply_isa_limit();
  HWY_DYNAMIC_DISPATCH(Quantise)(x.data(), std::ssize(x), inverse_scale, zero, q.data());
}

void int8_linear(int64_t m, int64_t n, int64_t k, std::span<const float> x, const Int8Weight& weight, bool relu,
                 std::span<float> y) {
  apply_isa_limit();
  constexpr int64_t rows_a_piece = 64;
  // Few rows are a matter of reading the weight: its outputs are shared out.
  const int64_t outputs_a_piece = m > 4 || n * k < 200'000 ? n : 64;
  const int64_t across = (n + outputs_a_piece - 1) / outputs_a_piece, down = (m + rows_a_piece - 1) / rows_a_piece;
  if (m == 0 || n == 0) return;
  const Block q(static_cast<size_t>(m * k));
  parallel_for(m, rows_a_piece, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(Quantise)
    (x.data() + begin * k, (end - begin) * k, weight.inverse_scale, weight.zero, q.as<uint8_t>() + begin * k);
  });
  parallel_tasks(across * down, [&](int64_t task) {
    const int64_t row = task / across * rows_a_piece, rows = std::min(rows_a_piece, m - row);
    const int64_t first = task % across * outputs_a_piece, outputs = std::min(outputs_a_piece, n - first);
    const Block sums(static_cast<size_t>(rows * outputs) * sizeof(int32_t));
    if (k == 0) {
      std::fill_n(sums.as<int32_t>(), rows * outputs, 0);
    } else {
      const onednn::Prepared& op = product(rows, outputs, k);
      onednn::run(op, {{DNNL_ARG_SRC, op.src, q.as<uint8_t>() + row * k},
                       {DNNL_ARG_WEIGHTS, op.weights, weight.values + first * k},
                       {DNNL_ARG_DST, op.dst, sums.data()}});
    }
    HWY_DYNAMIC_DISPATCH(Finish)
    ({sums.as<int32_t>(), weight.shift.data() + first, weight.scale.data() + first, weight.bias.data() + first, nullptr,
      y.data() + row * n + first, rows, outputs, n, relu});
  });
}

void int8_conv2d(const ConvShape& s, std::span<const float> x, const Int8Weight& weight, std::span<const float> added,
                 bool relu, std::span<float> y) {
  if (s.n == 0) return;
  apply_isa_limit();
  const onednn::Prepared& op = convolution(s);
  // A picture at a time: what it needs stays in the near cache, and its result cannot depend on the batch.
  const int64_t pictures = std::max<int64_t>(1, 400'000 / std::max<int64_t>(s.oh() * s.ow() * s.weights(), 1));
  parallel_for(s.n, pictures, [&](int64_t begin, int64_t end) {
    const Block q(op.src.get_size()), sums(op.dst.get_size());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i * s.oh() * s.ow() * s.o;
      quantise_padded(s, x.data() + i * s.h * s.w * s.c, weight, q.as<uint8_t>());
      onednn::run(op, {{DNNL_ARG_SRC, op.src, q.data()},
                       {DNNL_ARG_WEIGHTS, op.weights, weight.laid_out.data()},
                       {DNNL_ARG_DST, op.dst, sums.data()}});
      HWY_DYNAMIC_DISPATCH(Finish)
      ({sums.as<int32_t>(), weight.shift.data(), weight.scale.data(), weight.bias.data(),
        added.empty() ? nullptr : added.data() + at, y.data() + at, s.oh() * s.ow(), s.o, s.o, relu});
    }
  });
}

}  // namespace tandem::kernels
#endif
