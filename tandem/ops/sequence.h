// Operations on packed sequences: a batch is one tensor with a row a token, the sequences one after another, and a list
// of their lengths. Nothing is padded.
#pragma once
#include <tandem/base/random.h>
#include <tandem/kernels/sequence.h>
#include <tandem/tensor/tensor.h>

#include <vector>

namespace tandem {

/// How many rows each sequence has.
using Lengths = std::vector<int64_t>;

/// Throws, naming `where`, when a length is negative or the lengths do not sum to `rows`.
void expect_lengths(std::string_view where, const Lengths& lengths, int64_t rows);

struct Conv1dOptions {
  int64_t dilation = 1;
  bool same = true;  // an output for each input, zeros around the sequence; else only where the whole kernel fits
};
/// How many outputs each sequence then has. Without `same` one shorter than the kernel has one, as if zeros followed
/// it.
[[nodiscard]] Lengths conv1d_lengths(const Lengths& lengths, int64_t kernel, const Conv1dOptions& options);
/// Cross-correlation along each sequence: x (tokens, c), weight (out, c, kernel) as in PyTorch, bias (out) or none ->
/// (tokens of conv1d_lengths, out). An x in bfloat16 is widened.
[[nodiscard]] Tensor conv1d(const Tensor& x, const Lengths& lengths, const Tensor& weight, const Tensor& bias,
                            const Conv1dOptions& options = {});

using kernels::Pooling;
/// (tokens, d) -> (sequences, d): the mean, largest, last or first row of each sequence. The gradient of a largest
/// number goes to the first row that has it. A sequence without rows throws. An x in bfloat16 is widened.
[[nodiscard]] Tensor pool_sequences(const Tensor& x, const Lengths& lengths, Pooling how);

/// Dropout of packed sequences x (tokens, d) that leaves out the same columns of all rows of a sequence, other ones in
/// each (Gal and Ghahramani 2016).
[[nodiscard]] Tensor locked_dropout(const Tensor& x, const Lengths& lengths, double probability, Rng& rng);

}  // namespace tandem
