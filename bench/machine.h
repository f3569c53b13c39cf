// What the machine can do at most: the measure of every share in the tables.
#pragma once
#include <string>

namespace tandem::bench {

struct Machine {
  std::string processor, instructions;  // as the system names it; which vectors the peaks were measured with
  int cores = 1;                        // those that this process may use
  double fp32[2] = {0, 0};              // FLOP/s of one core, of all cores
  double bf16[2] = {0, 0};              // the same for bf16 dot products; 0 without avx512_bf16
  double read[2] = {0, 0};              // bytes/s of memory: reading only,
  double copy[2] = {0, 0};              // b = a, counting both arrays,
  double triad[2] = {0, 0};             // c = a + s b, counting all three; the better of plain and streaming stores
  [[nodiscard]] double peak() const { return fp32[1]; }
  [[nodiscard]] double bandwidth() const { return triad[1] > copy[1] ? triad[1] : copy[1]; }
};

/// Measured once a process (some seconds); the second call returns the same.
const Machine& machine();

}  // namespace tandem::bench
