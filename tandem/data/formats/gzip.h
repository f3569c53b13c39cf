// gzip: bytes in, bytes out, never more than a limit.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tandem::data {

/// Whether `bytes` begin like a gzip stream (1f 8b).
[[nodiscard]] bool is_gzip(std::span<const uint8_t> bytes) noexcept;

/// The content of a gzip stream, all its members one after the other. Throws a data error that names `where` (the path)
/// and the byte offset when the stream is corrupt, ends early, has a wrong checksum or gives more than `limit` bytes.
[[nodiscard]] std::vector<uint8_t> gunzip(std::span<const uint8_t> bytes, uint64_t limit, std::string_view where);

/// `bytes` as one gzip member without a time stamp: the same bytes give the same file.
[[nodiscard]] std::vector<uint8_t> gzip(std::span<const uint8_t> bytes);

}  // namespace tandem::data
