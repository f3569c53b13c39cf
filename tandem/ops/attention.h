// Attention over packed sequences (ops/sequence.h), in tiles: memory grows with the tokens, not with their square.
#pragma once
#include <tandem/ops/sequence.h>

#include <span>

namespace tandem {

struct AttentionOptions {
  int64_t heads = 1;
  int64_t key_heads = 0;  // heads of keys and values, each shared by heads / key_heads of the queries; 0: as many
  bool causal = false;    // each token sees those before it and itself; of fewer queries than keys the last are meant
  [[nodiscard]] int64_t shared() const { return key_heads > 0 ? key_heads : heads; }
};

/// softmax(q kᵀ / sqrt(size)) v in each head of each sequence: q (tokens, heads * size), k and v (key tokens, key_heads
/// * size) -> (tokens, heads * size). Sequence i of q sees sequence i of k and v alone. Stored as bfloat16 they are
/// widened.
[[nodiscard]] Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Lengths& lengths,
                               const Lengths& key_lengths, const AttentionOptions& options);
/// The same of a sequence with itself, where q, k and v stand side by side: (tokens, (heads + 2 key_heads) * size).
[[nodiscard]] Tensor attention(const Tensor& qkv, const Lengths& lengths, const AttentionOptions& options);

/// The keys and values of one sequence: the first `rows` rows.
struct KeyValues {
  Tensor keys, values;
  int64_t rows = 0;
};
/// The same with keys and values that are kept elsewhere, one a sequence. No gradient.
[[nodiscard]] Tensor attention(const Tensor& q, const Lengths& lengths, std::span<const KeyValues> kept,
                               const AttentionOptions& options);

/// Rotary positions (Su et al. 2021): in each of the first `heads` heads of a row, numbers c and c + size / 2 turn by
/// position * base^(-2c / size); what stands behind those heads stays. x (tokens, width), one position a token.
[[nodiscard]] Tensor rotary(const Tensor& x, const std::vector<int64_t>& positions, int64_t heads, int64_t size,
                            double base = 10000);

}  // namespace tandem
