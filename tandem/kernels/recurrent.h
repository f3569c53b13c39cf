// Recurrent layers over whole packed sequences: the part that runs through time. The products of the inputs with their
// weights are made before, all at once; here each step adds the product of the last state, applies the gates and goes
// on, on the instruction set chosen at run time.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// rnn: h' = f(s). lstm (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000): gates i f g o.
/// gru (Cho et al. 2014, in PyTorch's form, where the reset gate acts on the product): gates r z n.
enum class Cell : uint8_t { rnn_tanh, rnn_relu, lstm, gru };
[[nodiscard]] constexpr int64_t gates_of(Cell cell) noexcept {
  return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1;
}

/// Sequence after sequence, one row a token; `reverse` goes through each from its last token to its first.
struct RecurrentShape {
  Cell cell = Cell::lstm;
  int64_t hidden = 0;
  std::span<const int64_t> lengths;  // of the sequences, 0 allowed
  bool reverse = false;
  bool bf16 = false;  // float, with tiles: each step's product rounds its operands to bfloat16
};

// Contract: rows are one a token, in the order of the sequences; outputs overlap no other span. Sequences are cut into
// blocks by their number, and each row's sums have one order: neither threads nor neighbours change a result. In a
// block the longest come first, so a step goes over those that still run and no work is done on padding.

template <class T>
struct RecurrentForward {
  std::span<const T> weight;  // gates * hidden x hidden
  std::span<const T> bias;    // gru: of n's product with the state, hidden numbers; else empty
  std::span<const T> h0, c0;  // first states, sequences x hidden; empty: zeros; c0 for lstm only
  std::span<T> gates;         // tokens x gates * hidden. In: the inputs' part with all other biases; out: the gates
  std::span<T> y;             // tokens x hidden: the states
  std::span<T> kept;          // tokens x hidden. lstm: the cells; gru: n's product with the state; else empty
};
template <class T>
void recurrent(const RecurrentShape& s, const RecurrentForward<T>& f);

template <class T>
struct RecurrentBackward {
  std::span<const T> weight, h0, c0, y, kept;  // as they were
  std::span<const T> gy;                       // tokens x hidden
  std::span<T> gates;        // tokens x gates * hidden. In: the gates (rnn: anything); out: gradient of their sums
  std::span<T> hidden_side;  // gru: the gradient of the products with the state, which differs in n; else empty
  std::span<T> g_h0, g_c0;   // may be empty
};
template <class T>
void recurrent_grad(const RecurrentShape& s, const RecurrentBackward<T>& b);

}  // namespace tandem::kernels
