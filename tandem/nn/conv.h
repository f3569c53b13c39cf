// Convolution and pooling layers for images (height, width, channels).
#pragma once
#include <tandem/nn/module.h>
#include <tandem/ops/image.h>

namespace tandem::nn {

/// padding -1 is "same": with stride 1 the output keeps the input's height and width (odd kernels only).
struct Conv2d : Layer<Conv2d> {
  int64_t filters = 0;
  int64_t kernel = 3, stride = 1, padding = 0, dilation = 1, groups = 1;
  bool with_bias = true;
  /// "uniform"; "he" (He et al. 2015); "dirac": uniform, but each filter passes one channel on as far as there are as
  /// many; "whitened": not trained, but made of the training pictures by whiten() of nn/whitening.h.
  std::string init = "uniform";
  Tensor weight, bias;  // (filters, channels/groups, kernel, kernel), (filters)

  static constexpr int64_t same = -1;
  Conv2d() = default;
  explicit Conv2d(int64_t filters_, int64_t kernel_ = 3, int64_t padding_ = 0, int64_t stride_ = 1)
      : filters(filters_), kernel(kernel_), stride(stride_), padding(padding_) {}
  [[nodiscard]] std::string kind() const override { return "conv"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
  [[nodiscard]] Conv2dOptions options() const;  // with `same` padding worked out
  /// The output's shape; throws when `in` does not fit.
  [[nodiscard]] Shape output(const Shape& in) const;
  /// Lays the weight out for prediction: see nn/inference.h.
  void prepare();

 private:
  std::shared_ptr<const PackedConv2d> packed_;  // set by prepare()
};

struct Pool2d : Module {
  PoolOptions options;
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
};
struct MaxPool2d : Pool2d {
  MaxPool2d() = default;
  explicit MaxPool2d(int64_t kernel, int64_t stride = 0, int64_t padding = 0) { options = {kernel, stride, padding}; }
  [[nodiscard]] std::string kind() const override { return "max_pool"; }
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<MaxPool2d>(*this); }
};
struct AvgPool2d : Pool2d {
  AvgPool2d() = default;
  explicit AvgPool2d(int64_t kernel, int64_t stride = 0, int64_t padding = 0) { options = {kernel, stride, padding}; }
  [[nodiscard]] std::string kind() const override { return "avg_pool"; }
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<AvgPool2d>(*this); }
};

/// (height, width, channels) -> (channels): the mean over the image.
struct GlobalAvgPool : Layer<GlobalAvgPool> {
  [[nodiscard]] std::string kind() const override { return "global_avg_pool"; }
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
};

}  // namespace tandem::nn
