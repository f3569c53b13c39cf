// When results are written past the caches.
#pragma once
#include <cstdint>

namespace tandem::kernels {

/// A result of at least so many bytes will not be found in a cache by who reads it next.
inline constexpr int64_t beyond_caches = int64_t{32} << 20;

}  // namespace tandem::kernels
