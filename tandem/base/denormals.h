// Numbers too small for the normal range cost a hundred times the time of others on some processors.
#pragma once
#include <xmmintrin.h>

namespace tandem {

/// Denormal numbers count as 0 on this thread while an object of this class lives.
class FlushDenormals {
 public:
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | flush_to_zero | denormals_are_zero); }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
  unsigned before_;
};

}  // namespace tandem
