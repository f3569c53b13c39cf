// Rows of packed sequences: chosen from a table, joined to windows, pooled. Plain loops over whole rows, which the
// compiler makes into vectors.
//
// Contract: rows lie one after another; sequences follow one another, their lengths sum to the rows; outputs overlap no
// input. Each number is made by one thread, sums in the order of the rows.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// y[i, :] = table[index[i], :] for rows of `width` numbers.
template <class T>
void gather_rows(std::span<const T> table, int64_t width, std::span<const int64_t> index, std::span<T> y);

/// table[j, :] = the sum of g[i, :] over all i with index[i] == j, 0 where there is none.
template <class T>
void scatter_rows(std::span<const T> g, int64_t width, std::span<const int64_t> index, std::span<T> table);

/// Windows of `kernel` rows, `dilation` apart: row i of a sequence's output begins `before` rows before its row i.
struct WindowShape {
  std::span<const int64_t> lengths, out_lengths;
  int64_t width = 0;  // numbers in a row
  int64_t kernel = 1, dilation = 1, before = 0;
};
/// y[i, k, :] = x[i - before + k * dilation, :], zeros outside of the sequence; y is out rows x kernel x width.
template <class T>
void windows(const WindowShape& s, std::span<const T> x, std::span<T> y);
/// gx from the gradient of the windows.
template <class T>
void windows_grad(const WindowShape& s, std::span<const T> gy, std::span<T> gx);

struct RotateShape {
  int64_t rows = 0, columns = 0, heads = 0, size = 0;
};
/// In each of the first heads of a row, (a, b) of numbers c and c + size / 2 become (a cos - b sin, a sin + b cos); the
/// rest of the row is copied. `turns` has size / 2 cosines and as many sines a row; sign -1 turns back.
template <class T>
void rotate_heads(const RotateShape& s, std::span<const T> turns, T sign, std::span<const T> x, std::span<T> y);

enum class Pooling : uint8_t { mean, max, last, first };
/// y[s, :] from the rows of sequence s, which has at least one. `where` (sequences x width, for max only) gets the row,
/// counted from the sequence's first, that the number was taken from: the first of equals, or of NaN.
template <class T>
void pool_sequences(Pooling how, std::span<const int64_t> lengths, int64_t width, std::span<const T> x, std::span<T> y,
                    std::span<int32_t> where);
template <class T>
void pool_sequences_grad(Pooling how, std::span<const int64_t> lengths, int64_t width, std::span<const T> gy,
                         std::span<const int32_t> where, std::span<T> gx);

}  // namespace tandem::kernels
