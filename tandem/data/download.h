// One file from one address.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <functional>
#include <string>

namespace tandem::data {

enum class DownloadEnd {
  done,
  cannot_resume,  // the server gives whole files only, or has less than `part`: start again without it
  failed,         // `reason` says why; what came is in `part`
  stopped,        // the progress callback asked for it
};

struct Download {
  DownloadEnd end = DownloadEnd::failed;
  std::string reason;
};

/// Appends what is missing of `url` (http, https, file) to the file `part`, which may hold an earlier beginning. Gives
/// up beyond `limit` bytes, or when hardly anything has come for half a minute. Throws a file error when `part` cannot
/// be written. `progress` hears (bytes so far, total or 0) and returns false to stop.
[[nodiscard]] Download download(const std::string& url, const fs::path& part, int64_t limit,
                                const std::function<bool(int64_t have, int64_t total)>& progress);

}  // namespace tandem::data
