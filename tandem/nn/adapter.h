// Small trained parts around a layer that stays as it is: how a network learned from much data is fitted to a task of
// little.
#pragma once
#include <tandem/nn/sequential.h>

namespace tandem::nn {

/// A layer inside another. Its tensors keep their names and are no longer trained.
struct Around : Module {
  Sequential within;  // the one layer
  [[nodiscard]] Module& layer() const { return *within.layers().front(); }
  void hold(std::unique_ptr<Module> layer);
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override { return layer().multiply_adds(in); }

 protected:
  void visit_layer(const std::string& at, const Visitor& v) const;
};

/// Low-rank adaptation (Hu et al. 2021): each weight w (out, in) of the layer that is chosen becomes w + alpha / rank ·
/// B · A, with A (rank, in) and B (out, rank), zeros at first. The sum is made once a pass, so any layer can be
/// adapted, and takes as long as w itself: what is saved is the optimiser's state and the file. Parts are named as
/// PEFT's, weight -> lora_A.weight, lora_B.weight.
struct Lora : Around {
  int64_t rank = 8;
  double alpha = 16;
  std::vector<std::string> tensors{"*"};  // patterns of the layer's tensors; only those of two axes are adapted
  struct Pair {
    std::string tensor;  // of the layer: "weight", "query.weight"
    Tensor a, b;
  };
  std::vector<Pair> pairs;

  [[nodiscard]] std::string kind() const override { return "lora"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  /// The pairs, and no new layer: for one that is built.
  void build_pairs(Build& build);
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<Lora>(*this); }
  /// The layer alone, its weights moved: the same function without the adapter.
  [[nodiscard]] std::unique_ptr<Module> merged() const;

 private:
  [[nodiscard]] Tensor change(const Pair& pair) const;
};

/// A bottleneck adapter (Houlsby et al. 2019) behind the layer: y + up(gelu(down(y))), with `units` numbers between;
/// `up` is zeros at first.
struct Bottleneck : Around {
  int64_t units = 16;
  Tensor down, down_bias, up, up_bias;  // (units, d), (units), (d, units), (d)

  [[nodiscard]] std::string kind() const override { return "bottleneck"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  /// The adapter for vectors of shape `out`, and no new layer: for one that is built.
  void build_adapter(const Shape& out, Build& build);
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<Bottleneck>(*this); }
};

/// Whether `name` fits `pattern`, in which * stands for any text: "*.weight_ih*".
[[nodiscard]] bool fits(std::string_view name, std::string_view pattern);
[[nodiscard]] bool fits_any(std::string_view name, const std::vector<std::string>& patterns);

}  // namespace tandem::nn
