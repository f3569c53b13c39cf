// Files, read whole or replaced whole.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

namespace fs = std::filesystem;

/// The bytes of a file; a file error when it is missing, no plain file, or larger than `limit` bytes.
[[nodiscard]] std::vector<uint8_t> read_file(const fs::path& path, uint64_t limit = uint64_t{1} << 36);
[[nodiscard]] std::string read_text(const fs::path& path, uint64_t limit = uint64_t{1} << 26);

/// Replaces `path` by `bytes` so that a reader, or a crash at any moment, sees the old file or the new one, never a
/// part: write beside it, sync, rename, sync the folder. Throws a file error and leaves the old file when anything
/// fails.
void write_file(const fs::path& path, std::span<const uint8_t> bytes);
void write_text(const fs::path& path, std::string_view text);

/// Makes the folder and its parents; a file error with the system's reason otherwise.
void make_folder(const fs::path& path);

/// The folder for downloads: $XDG_CACHE_HOME/tandem or ~/.cache/tandem.
[[nodiscard]] fs::path cache_folder();

}  // namespace tandem
