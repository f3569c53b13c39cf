// Recurrent layers over packed sequences.
#pragma once
#include <tandem/nn/module.h>
#include <tandem/ops/recurrent.h>

namespace tandem::nn {

/// Several layers, one or both directions; vectors (in) -> (units), (2 * units) with both directions. Parts are named
/// as PyTorch's: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, …_l0_reverse.
struct Recurrent : Module {
  int64_t units = 0, layers = 1;
  bool bidirectional = false;
  double dropout = 0;         // between layers
  bool locked = false;        // the same columns for all tokens of a sequence
  double weight_dropout = 0;  // of the weights from state to state, other ones each step (Merity et al. 2017)
  bool with_bias = true;
  std::vector<RecurrentWeights> weights;  // layer by layer, in it forward and then reverse

  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;

 private:
  [[nodiscard]] virtual int64_t gates() const = 0;
  [[nodiscard]] virtual Tensor run(const Tensor& x, const Lengths& lengths, const RecurrentWeights& w,
                                   const RecurrentOptions& options) const = 0;
  [[nodiscard]] size_t directions() const { return bidirectional ? 2 : 1; }
};

struct RNN : Recurrent {
  std::string activation = "tanh";
  RNN() = default;
  explicit RNN(int64_t units_, int64_t layers_ = 1) { units = units_, layers = layers_; }
  [[nodiscard]] std::string kind() const override { return "rnn"; }
  void fields(Fields& f) override;
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<RNN>(*this); }

 private:
  [[nodiscard]] int64_t gates() const override { return 1; }
  [[nodiscard]] Tensor run(const Tensor& x, const Lengths& lengths, const RecurrentWeights& w,
                           const RecurrentOptions& options) const override;
};

struct LSTM : Recurrent {
  LSTM() = default;
  explicit LSTM(int64_t units_, int64_t layers_ = 1) { units = units_, layers = layers_; }
  [[nodiscard]] std::string kind() const override { return "lstm"; }
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<LSTM>(*this); }

 private:
  [[nodiscard]] int64_t gates() const override { return 4; }
  [[nodiscard]] Tensor run(const Tensor& x, const Lengths& lengths, const RecurrentWeights& w,
                           const RecurrentOptions& options) const override {
    return lstm(x, lengths, w, options);
  }
};

struct GRU : Recurrent {
  GRU() = default;
  explicit GRU(int64_t units_, int64_t layers_ = 1) { units = units_, layers = layers_; }
  [[nodiscard]] std::string kind() const override { return "gru"; }
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<GRU>(*this); }

 private:
  [[nodiscard]] int64_t gates() const override { return 3; }
  [[nodiscard]] Tensor run(const Tensor& x, const Lengths& lengths, const RecurrentWeights& w,
                           const RecurrentOptions& options) const override {
    return gru(x, lengths, w, options);
  }
};

}  // namespace tandem::nn
