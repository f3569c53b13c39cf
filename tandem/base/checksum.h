// Checksums of files: what came over a network, and what lay on a disk.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tandem {

/// The MD5 of `bytes` as 32 lower-case hex digits. Finds damage, not malice.
[[nodiscard]] std::string md5(std::span<const uint8_t> bytes);
/// The SHA-256 of `bytes` as 64 lower-case hex digits.
[[nodiscard]] std::string sha256(std::span<const uint8_t> bytes);
[[nodiscard]] std::string sha256(std::string_view text);

}  // namespace tandem
