// Transformer blocks: encoder, decoder-only and decoder with cross-attention.
#pragma once
#include <tandem/nn/attention.h>
#include <tandem/nn/sequential.h>

namespace tandem::nn {

/// Blocks of attention and two linear layers, each with a residual around it and a norm (Vaswani et al. 2017); vectors
/// (width) -> (width). causal: a language model; cross: each block looks at `Pass::source` too. Parts are named as in
/// PyTorch's TransformerEncoder and TransformerDecoder: layers.0.self_attn.in_proj_weight, layers.0.linear1.weight, …
struct Transformer : Layer<Transformer> {
  int64_t layers = 1;
  int64_t heads = 0, key_heads = 0;  // as in attention
  int64_t hidden = 0;                // numbers between the two linear layers; 0: four times the width
  std::string norm = "first";        // before each part, with one more at the end, or "last": behind each sum
  std::string norm_kind = "layer";   // or "rms"
  double epsilon = 0;                // of the norms; 0: 1e-5 for layer, 1e-6 for rms
  std::string activation = "gelu";   // gelu, gelu_tanh, relu, or swiglu (Shazeer 2020), which has a second factor
  double dropout = 0;                // behind each part, and behind the activation
  bool causal = false, cross = false, rotary = false;
  double rotary_base = 10000;
  bool with_bias = true;
  double deviation = 0;  // of the first weights, normal, those before a sum smaller (GPT-2); 0: PyTorch's

  struct Norm {
    Tensor weight, bias;  // (width); rms has no bias
  };
  struct Block {
    Attention self_attention, cross_attention;
    Tensor up_weight, up_bias, down_weight, down_bias;  // linear1 (hidden, width), linear2 (width, hidden)
    std::vector<Norm> norms;                            // of self-attention, cross-attention if any, linear layers
  };
  std::vector<Block> blocks;
  Norm last;  // norm: first

  Transformer() = default;
  Transformer(int64_t layers_, int64_t heads_, bool causal_ = false)
      : layers(layers_), heads(heads_), causal(causal_) {}
  [[nodiscard]] std::string kind() const override { return "transformer"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;

 private:
  [[nodiscard]] Tensor normalised(const Tensor& x, const Norm& n) const;
  [[nodiscard]] Tensor feed_forward(const Block& block, const Tensor& x, Pass& pass) const;
  [[nodiscard]] Norm make_norm(int64_t width, Build& build) const;
};

/// Reads one text and writes another: an encoder and a decoder whose blocks have `cross: true`. The layers of the
/// decoder that share an embedding share the encoder's, where the decoder has none of its own before them.
struct EncoderDecoder : Layer<EncoderDecoder> {
  Sequential encoder, decoder;  // parts are named encoder.0.weight, decoder.0.weight, …

  [[nodiscard]] bool empty() const { return encoder.empty() && decoder.empty(); }
  [[nodiscard]] std::string kind() const override { return "encoder_decoder"; }
  void fields(Fields& f) override;
  /// Both take token ids; returns the decoder's output shape. Each has a vocabulary of its own.
  Shape build(int64_t source_vocabulary, int64_t target_vocabulary, Build& build);
  Shape build(const Shape&, Build& build) override { return this->build(build.vocabulary, build.vocabulary, build); }
  /// decode() of ids whose lengths stand in the pass.
  [[nodiscard]] Tensor forward(const Tensor& ids, Pass& pass) override { return decoder.forward(ids, pass); }
  [[nodiscard]] bool holds_layers() const override { return true; }
  /// Encodes a packed batch, and puts the result into pass.source and pass.source_lengths.
  void encode(const Tensor& ids, const std::vector<int64_t>& lengths, Pass& pass);
  /// Scores for each token of `ids` in the light of pass.source; with pass.memory it goes on where it stopped.
  [[nodiscard]] Tensor decode(const Tensor& ids, const std::vector<int64_t>& lengths, Pass& pass);
  void visit(const std::string& at, const Visitor& v) override;
};

}  // namespace tandem::nn
