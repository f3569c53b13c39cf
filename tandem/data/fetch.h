// Downloads of data sets: resumed where they stopped, taken only when their checksum is right.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace tandem::data {

/// A file of a data set. It is right when its MD5 is `md5`, or its content's (after gunzip) is `md5_content`: the same
/// data compressed again is the same data.
struct FetchFile {
  std::string name{};
  int64_t bytes = 0;  // the published size; 0 when unknown
  std::string md5{};
  std::string md5_content{};
};

/// A data set on the network. A file lies at MIRROR + name; the mirrors are tried in order.
struct FetchSource {
  std::string name{};
  std::string folder{};  // inside the data folder
  std::vector<std::string> mirrors{};
  std::vector<FetchFile> files{};
};

/// The names that can be fetched, and what belongs to one; a usage error with the nearest name for an unknown one.
[[nodiscard]] std::vector<std::string> fetchable();
[[nodiscard]] FetchSource fetch_source(const std::string& name);

/// Told of bytes as they come (`total` 0 when unknown); returns false to stop, which keeps what came for the next time.
using FetchProgress = std::function<bool(const std::string& file, int64_t have, int64_t total)>;

/// Puts the files of `source` into data_folder/source.folder, which is returned. Files that are there and right are
/// left alone; a download grows a .part file, goes on where an earlier one stopped, and takes its name only when the
/// checksum is right. Throws a file error that says what no mirror could give and what to do instead.
fs::path fetch(const FetchSource& source, const fs::path& data_folder, const FetchProgress& progress = {});
fs::path fetch(const std::string& name, const fs::path& data_folder, const FetchProgress& progress = {});

}  // namespace tandem::data
