// Operations on images (N,H,W,C): convolution and pooling.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

struct Conv2dOptions {
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t dilation = 1;
  int64_t groups = 1;
};
/// x (n, h, w, c), weight (out, c/groups, kh, kw) as in PyTorch, bias (out) or none -> (n, oh, ow, out). Mixed
/// precision: x in bfloat16 goes with a float32 weight and bias and gives bfloat16; the gradients of both are float32.
[[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Conv2dOptions& options = {});

/// A convolution laid out once for prediction; the tensors must not change any more.
struct PackedConv2d {
  Tensor weight, bias;
  Conv2dOptions options;
  std::shared_ptr<const Block> transformed;  // none where the kernel takes the weight as it is
  bool winograd = false;                     // whose layout that is, else that of few channels
};
[[nodiscard]] PackedConv2d pack(const Tensor& weight, const Tensor& bias, const Conv2dOptions& options);
/// relu(conv2d(x) + added); `added` may be none and the ReLU left out. No gradient.
[[nodiscard]] Tensor conv2d(const Tensor& x, const PackedConv2d& packed, const Tensor& added, bool relu);

struct PoolOptions {
  int64_t kernel = 2;
  int64_t stride = 0;  // 0: the kernel's size
  int64_t padding = 0;
};
/// Padding never wins and never counts. Windows that would not fit are left out (floor). `relu`: and then cut at 0 from
/// below.
[[nodiscard]] Tensor max_pool2d(const Tensor& x, const PoolOptions& options = {}, bool relu = false);
/// The mean of windows of an x in bfloat16 is float32.
[[nodiscard]] Tensor avg_pool2d(const Tensor& x, const PoolOptions& options = {});
/// (n, h, w, c) -> (n, c): the mean over each image; float32 for an x in bfloat16.
[[nodiscard]] Tensor global_avg_pool2d(const Tensor& x);

}  // namespace tandem
