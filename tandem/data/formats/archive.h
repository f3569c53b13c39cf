// Archives read member by member. Nothing is ever written to disk, so names like ../x do no harm.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tandem::data {

/// What an archive may unpack to; more is refused before the memory is taken.
struct ArchiveLimits {
  uint64_t member = uint64_t{1} << 28;  // bytes of one member
  uint64_t total = uint64_t{1} << 33;   // bytes of all members, skipped ones included
  uint64_t members = 20'000'000;
};

/// A member's path inside the archive (UTF-8, without a leading ./) and its content.
using ArchiveMember = std::function<void(const std::string& name, std::vector<uint8_t> bytes)>;

/// Whether the name says tar, tar.gz (bz2, xz, zst), tgz or zip.
[[nodiscard]] bool is_archive_name(const fs::path& path);

/// Calls `member` for every plain file of a tar (plain or compressed) or zip, told apart by content, in the archive's
/// order. Throws a file error when `path` cannot be read, a data error naming it and the member otherwise.
void read_archive(const fs::path& path, const ArchiveMember& member, const ArchiveLimits& limits = {});

}  // namespace tandem::data
