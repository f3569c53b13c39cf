// Checksums of files that came over a network.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace tandem::data {

/// The MD5 of `bytes` as 32 lower-case hex digits. Finds damage, not malice.
[[nodiscard]] std::string md5(std::span<const uint8_t> bytes);

}  // namespace tandem::data
