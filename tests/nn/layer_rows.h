// Every layer, with options that differ from their defaults.
#pragma once
#include <map>
#include <string>

namespace tandem::testing {

/// How each layer stands in a recipe, with options away from their defaults where it has any. A layer without its row
/// here fails a test.
struct LayerRow {
  std::string text;
  enum { pictures, vectors, ids } input = pictures;  // what the layer takes: pictures, or packed sequences
  int64_t rows = input == pictures ? 3 : 7;          // of its output for the input of these tests

  LayerRow(const char* text_) : text(text_) {}
  LayerRow(const char* text_, decltype(input) input_) : text(text_), input(input_) {}
  LayerRow(const char* text_, decltype(input) input_, int64_t rows_) : text(text_), input(input_), rows(rows_) {}
};
inline const std::map<std::string, LayerRow> layer_rows{
    {"linear", "linear: {units: 5, bias: true}"},
    {"conv", "conv: {filters: 6, kernel: 3, stride: 2, padding: 1, dilation: 1, groups: 2, bias: true, init: he}"},
    {"max_pool", "max_pool: {kernel: 3, stride: 2, padding: 1}"},
    {"avg_pool", "avg_pool: 2"},
    {"global_avg_pool", "global_avg_pool"},
    {"batch_norm", "batch_norm: {momentum: 0.3, epsilon: 1e-3}"},
    {"layer_norm", "layer_norm: 1e-3"},
    {"group_norm", "group_norm: {groups: 2, epsilon: 1e-3}"},
    {"dropout", "dropout: 0.3"},
    {"flatten", "flatten"},
    {"relu", "relu"},
    {"leaky_relu", "leaky_relu: 0.2"},
    {"sigmoid", "sigmoid"},
    {"tanh", "tanh"},
    {"gelu", "gelu"},
    {"gelu_tanh", "gelu_tanh"},
    {"silu", "silu"},
    {"softmax", "softmax"},
    {"residual",
     "residual: {body: [conv: {filters: 6, padding: same}, batch_norm], shortcut: [conv: {filters: 6, kernel: 1}]}"},
    {"sequential", "sequential: {layers: [flatten, linear: 7, batch_norm]}"},
    {"lora", "lora: {rank: 2, alpha: 3, tensors: ['weight'], layer: {linear: 5}}"},
    {"bottleneck", "bottleneck: {units: 3, layer: {linear: 5}}"},
    {"rms_norm", "rms_norm: 1e-3"},
    {"int8_linear", "int8_linear: {units: 5, bias: true}"},
    {"int8_conv", "int8_conv: {filters: 6, kernel: 3, stride: 2, padding: 1, dilation: 1, bias: true}"},
    {"embedding", {"embedding: {width: 5, vocabulary: 12, deviation: 0.5, trained: true}", LayerRow::ids}},
    {"tied_embedding", {"tied_embedding", LayerRow::ids}},
    {"tied_head", {"tied_head: {bias: true}", LayerRow::vectors}},
    {"rnn", {"rnn: {units: 5, layers: 2, bidirectional: true, bias: true, activation: relu}", LayerRow::vectors}},
    {"lstm",
     {"lstm: {units: 5, layers: 2, bidirectional: true, dropout: 0.2, locked: true, weight_dropout: 0.1, bias: true}",
      LayerRow::vectors}},
    {"gru", {"gru: {units: 5, layers: 2, bidirectional: true, bias: true}", LayerRow::vectors}},
    {"conv1d", {"conv1d: {filters: 5, kernel: 2, padding: valid, dilation: 2, bias: true}", LayerRow::vectors, 3}},
    {"positions", {"positions: {how: learned, most: 3, deviation: 0.1}", LayerRow::vectors}},
    {"attention", {"attention: {heads: 3, key_heads: 1, causal: true, rotary: true, bias: true}", LayerRow::vectors}},
    {"transformer",
     {"transformer: {layers: 2, heads: 3, hidden: 5, norm: last, norm_kind: rms, epsilon: 1e-3, activation: swiglu, "
      "cross: true}",
      LayerRow::vectors}},
    {"pool_sequence", {"pool_sequence: max", LayerRow::vectors, 3}},
    {"parallel",
     {"parallel: {branches: [[conv1d: {filters: 3, kernel: 2}, pool_sequence: max], [linear: 2, pool_sequence: mean]]}",
      LayerRow::vectors, 3}},
};

}  // namespace tandem::testing
