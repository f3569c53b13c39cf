#include <hwy/highway.h>
#include <tandem/base/error.h>
#include <tandem/kernels/isa.h>

#include <cstdlib>
#include <dnnl.hpp>
#include <string_view>

namespace tandem::kernels {

std::string isa_name() {
  apply_isa_limit();
  return (hwy::SupportedTargets() & HWY_AVX3) != 0 ? "AVX-512" : "AVX2";
}

bool cpu_supported() noexcept { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_bf16_dot() {
  static const bool has = isa_name() == "AVX-512" && __builtin_cpu_supports("avx512bf16");
  return has;
}

bool has_bf16_tiles() {
  static const bool has = [] {
    constexpr auto tiles = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_amx);  // sets hold those they stand on
    return has_bf16_dot() && (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & tiles) == tiles;
  }();
  return has;
}

void apply_isa_limit() {
  static const bool applied = [] {
    const char* wish = std::getenv("TANDEM_ISA");
    if (!wish || !*wish) return true;
    const std::string_view name = wish;
    if (name == "avx2") {
      hwy::DisableTargets(HWY_AVX3 | HWY_AVX3_DL);  // and forgets a choice that was made before
      if (dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2) != dnnl::status::success)
        fail(ErrorKind::internal, "TANDEM_ISA", "oneDNN was used before the limit was set");
    } else if (name == "avx512") {
      if ((hwy::SupportedTargets() & HWY_AVX3) == 0)
        fail("TANDEM_ISA", "avx512 asked for, this processor has no AVX-512");
    } else {
      fail("TANDEM_ISA", "is '{}', expected avx2 or avx512", name);
    }
    return true;
  }();
  static_cast<void>(applied);
}

}  // namespace tandem::kernels
