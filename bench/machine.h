// What the machine can do at most: the measure of every share in the tables.
#pragma once
#include <cstddef>
#include <string>

namespace tandem::bench {

/// Ways through memory: reading only; b = a; c = a + s b (the better of plain and streaming stores); a = a + s b, where
/// no line is fetched only to be overwritten. All arrays count each time they are read or written.
enum class Stream : size_t { read, copy, triad, update };

/// Bytes a second on arrays of 192 MiB, the best of `repeats`; threads 0: all cores.
double stream_rate(Stream kind, int threads = 0, int repeats = 1);

struct Machine {
  std::string processor, instructions;  // as the system names it; which vectors the peaks were measured with
  int cores = 1;                        // those that this process may use
  double fp32[2] = {0, 0};              // FLOP/s of one core, of all cores
  double bf16[2] = {0, 0};              // the same for bf16 dot products; 0 without avx512_bf16
  double memory[4][2] = {};             // by Stream
  [[nodiscard]] double peak() const { return fp32[1]; }
};

/// Measured once a process (some seconds); the second call returns the same.
const Machine& machine();

}  // namespace tandem::bench
