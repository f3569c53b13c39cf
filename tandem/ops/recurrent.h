// Recurrent layers over packed sequences (ops/sequence.h): one layer in one direction, all steps in one operation.
#pragma once
#include <tandem/ops/sequence.h>

namespace tandem {

/// In PyTorch's layout, the gates' rows one after another (lstm: i f g o; gru: r z n; rnn: one).
struct RecurrentWeights {
  Tensor input;                    // (gates * hidden, in)
  Tensor hidden;                   // (gates * hidden, hidden)
  Tensor input_bias, hidden_bias;  // (gates * hidden) each, or none
};

/// (sequences, hidden); c is the lstm's cell.
struct RecurrentState {
  Tensor h, c;
};

struct RecurrentOptions {
  bool reverse = false;            // from each sequence's last token to its first; outputs stay in place
  bool relu = false;               // rnn: ReLU in place of tanh
  RecurrentState first = {};       // where sequences begin; none: zeros. Gets a gradient
  RecurrentState* last = nullptr;  // gets where they end: for the next part of the same text, without a gradient
  bool bf16 = false;  // products round their operands to bfloat16; those of each step only with tiles (kernels/isa.h)
};

/// x (tokens, in) -> (tokens, hidden). The products with `input` are one for all tokens; no work is done on padding,
/// since there is none. An x in bfloat16 is widened.
[[nodiscard]] Tensor rnn(const Tensor& x, const Lengths& lengths, const RecurrentWeights& weights,
                         const RecurrentOptions& options = {});
[[nodiscard]] Tensor lstm(const Tensor& x, const Lengths& lengths, const RecurrentWeights& weights,
                          const RecurrentOptions& options = {});
[[nodiscard]] Tensor gru(const Tensor& x, const Lengths& lengths, const RecurrentWeights& weights,
                         const RecurrentOptions& options = {});

}  // namespace tandem
