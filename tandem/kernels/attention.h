// Scaled dot-product attention, softmax(q kᵀ / sqrt(size)) v, in tiles: the whole matrix of queries times keys never
// exists (Milakov and Gimelshein 2018; Dao et al. 2022), so memory grows with the number of tokens, not with its
// square.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Rows hold heads side by side. Head h of the queries goes with head h / (heads / key_heads) of keys and values.
struct AttentionShape {
  int64_t heads = 1, key_heads = 1, size = 0;  // size: of one head
  int64_t q_row = 0, kv_row = 0, y_row = 0;    // from a row to the next, in numbers
  bool causal = false;                         // query i of n sees the keys up to the i-th of the last n
};

/// One sequence. `lse` takes log(sum(exp(scores))) of each query, heads x queries, for the gradient; or null. There is
/// at least one key where there is a query; causal: as many keys as queries at least.
template <class T>
struct AttentionPart {
  const T *q = nullptr, *k = nullptr, *v = nullptr;
  T *y = nullptr, *lse = nullptr;
  int64_t queries = 0, keys = 0;
};

// Contract: outputs overlap no input. Tasks are cut by sizes alone and each sum has one order.
template <class T>
void attention(const AttentionShape& s, std::span<const AttentionPart<T>> parts);

/// Gradients from gy, in the same layout as q, k and v; scores are calculated again, tile by tile.
template <class T>
struct AttentionGrad {
  AttentionPart<T> part;  // as it was, y and lse filled in
  const T* gy = nullptr;
  T *gq = nullptr, *gk = nullptr, *gv = nullptr;
};
template <class T>
void attention_grad(const AttentionShape& s, std::span<const AttentionGrad<T>> parts);

}  // namespace tandem::kernels
