// Two-dimensional convolution (cross-correlation, as everywhere in the field) and its gradients.
#pragma once
#include <tandem/base/bfloat16.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Input n x h x w x c, weight o x c/groups x kh x kw, output n x oh() x ow() x o.
struct ConvShape {
  int64_t n = 0, h = 0, w = 0, c = 0, o = 0;
  int64_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1, groups = 1;
  [[nodiscard]] int64_t oh() const { return (h + 2 * pad_h - dilation_h * (kh - 1) - 1) / stride_h + 1; }
  [[nodiscard]] int64_t ow() const { return (w + 2 * pad_w - dilation_w * (kw - 1) - 1) / stride_w + 1; }
  [[nodiscard]] int64_t weights() const { return o * (c / groups) * kh * kw; }
};

// Contract: outputs overlap no input; n may be 0, all other sizes are at least 1; bias is empty or has o values.
// float runs on Winograd's tiles (winograd.h) or on windows of few channels (few_channels.h) where they fit and on
// oneDNN elsewhere; double is the plain loop. Images in bfloat16 go with weights, and gradients of weights, in float;
// sums are float, and each result is rounded once.

void conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight, std::span<const float> bias,
            std::span<float> y);
void conv2d(const ConvShape& s, std::span<const double> x, std::span<const double> weight, std::span<const double> bias,
            std::span<double> y);
void conv2d(const ConvShape& s, std::span<const BFloat16> x, std::span<const float> weight, std::span<const float> bias,
            std::span<BFloat16> y);

/// gx from gy.
void conv2d_grad_input(const ConvShape& s, std::span<const float> gy, std::span<const float> weight,
                       std::span<float> gx);
void conv2d_grad_input(const ConvShape& s, std::span<const double> gy, std::span<const double> weight,
                       std::span<double> gx);
void conv2d_grad_input(const ConvShape& s, std::span<const BFloat16> gy, std::span<const float> weight,
                       std::span<BFloat16> gx);

/// gw from x and gy, summed over the batch.
void conv2d_grad_weight(const ConvShape& s, std::span<const float> x, std::span<const float> gy, std::span<float> gw);
void conv2d_grad_weight(const ConvShape& s, std::span<const double> x, std::span<const double> gy,
                        std::span<double> gw);
void conv2d_grad_weight(const ConvShape& s, std::span<const BFloat16> x, std::span<const BFloat16> gy,
                        std::span<float> gw);

}  // namespace tandem::kernels
