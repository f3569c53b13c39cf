// Which instruction set the kernels use.
#pragma once
#include <string>

namespace tandem::kernels {

/// The set in use: "AVX2" or "AVX-512".
[[nodiscard]] std::string isa_name();

/// Whether this processor can run the program at all (AVX2, FMA).
[[nodiscard]] bool cpu_supported() noexcept;

/// Whether AVX-512 is in use and has an instruction that multiplies bfloat16 and adds in float (Zen 4, Cooper Lake and
/// newer).
[[nodiscard]] bool has_bf16_dot();

/// Whether oneDNN may multiply whole tiles of bfloat16 (AMX: Sapphire Rapids and newer). It is several times as fast as
/// the instruction above.
[[nodiscard]] bool has_bf16_tiles();

/// Obeys TANDEM_ISA=avx2|avx512 (default: the best there is) for Highway and oneDNN alike. Every way to a kernel that
/// chooses at run time calls it first; only the first call does anything.
/// Throws a usage error for another value or a set that the processor lacks.
void apply_isa_limit();

}  // namespace tandem::kernels
