#include <tandem/base/checksum.h>
#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/download.h>
#include <tandem/data/fetch.h>
#include <tandem/data/formats/gzip.h>

#include <algorithm>

namespace tandem::data {
namespace {

constexpr int64_t default_limit = int64_t{1} << 32;

int64_t limit_of(const FetchFile& file) { return file.bytes > 0 ? file.bytes : default_limit; }

bool is_right(const fs::path& path, const FetchFile& file) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  const auto bytes = read_file(path);
  if (!file.md5.empty() && md5(bytes) == file.md5) return true;
  if (file.md5_content.empty() || !is_gzip(bytes)) return false;
  try {
    return md5(gunzip(bytes, static_cast<uint64_t>(default_limit), path.string())) == file.md5_content;
  } catch (const Error&) {
    return false;  // damaged: as wrong as another checksum
  }
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) fail(ErrorKind::file, path.string(), "cannot be removed: {}", error.message());
}

/// Gets one file from one mirror into `part`. Returns "" when it is there and right, else why not.
std::string try_mirror(const std::string& url, const FetchFile& file, const fs::path& part,
                       const FetchProgress& progress) {
  const auto report = [&](int64_t have, int64_t total) {
    return !progress || progress(file.name, have, total > 0 ? total : file.bytes);
  };
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::error_code error;
    const bool resumed = fs::exists(part, error) && fs::file_size(part, error) > 0;
    const Download result = download(url, part, limit_of(file), report);
    if (result.end == DownloadEnd::stopped)
      fail(ErrorKind::file, file.name, "stopped: what came is kept in {}, fetching again goes on from there",
           part.string());
    const bool whole = result.end == DownloadEnd::done;
    if (whole && is_right(part, file)) return "";
    if (result.end == DownloadEnd::failed) return fmt::format("{}: {}", url, result.reason);
    const std::string got = whole ? md5(read_file(part)) : "";
    remove_file(part);
    if (whole && !resumed) return fmt::format("{}: wrong checksum, expected md5 {}, got {}", url, file.md5, got);
    // Otherwise the earlier beginning was at fault, or cannot be continued: once more from the start.
  }
  return fmt::format("{}: cannot be read from the start", url);
}

void fetch_file(const FetchSource& source, const FetchFile& file, const fs::path& folder,
                const FetchProgress& progress) {
  const fs::path path = folder / file.name;
  if (is_right(path, file)) return;
  const fs::path part = path.string() + ".part";
  bool have = is_right(part, file);
  std::vector<std::string> reasons;
  for (const auto& mirror : source.mirrors) {
    if (have) break;
    reasons.push_back(try_mirror(mirror + file.name, file, part, progress));
    have = reasons.back().empty();
  }
  if (!have) {
    std::error_code error;
    if (fs::file_size(part, error) == 0) fs::remove(part, error);  // nothing came to go on from
    std::vector<std::string> names;
    for (const auto& each : source.files) names.push_back(each.name);
    fail(ErrorKind::file, source.name,
         "{} could not be fetched ({}). Without a network, put the files into {} by hand ({}), or use the built-in "
         "digits "
         "(data: builtin)",
         file.name, reasons.empty() ? "no mirror is known" : join(reasons, "; "), folder.string(), join(names));
  }
  std::error_code error;
  fs::rename(part, path, error);
  if (error) fail(ErrorKind::file, path.string(), "cannot be put in place: {}", error.message());
}

const std::vector<FetchSource>& sources() {
  static const std::vector<FetchSource> all{
      {.name = "mnist",
       .folder = "mnist",
       .mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                   "https://storage.googleapis.com/cvdf-datasets/mnist/"},
       .files = {{.name = "train-images-idx3-ubyte.gz",
                  .bytes = 9'912'422,
                  .md5 = "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                  .md5_content = "6bbc9ace898e44ae57da46a324031adb"},
                 {.name = "train-labels-idx1-ubyte.gz",
                  .bytes = 28'881,
                  .md5 = "d53e105ee54ea40749a09fcbcd1e9432",
                  .md5_content = "a25bea736e30d166cdddb491f175f624"},
                 {.name = "t10k-images-idx3-ubyte.gz",
                  .bytes = 1'648'877,
                  .md5 = "9fb629c4189551a2d022fa330f9573f3",
                  .md5_content = "2646ac647ad5339dbf082846283269ea"},
                 {.name = "t10k-labels-idx1-ubyte.gz",
                  .bytes = 4'542,
                  .md5 = "ec29112dd5afa0611ce80d1b7f02629c",
                  .md5_content = "27ae3e4e09519cfbb04c329615203637"}}},
  };
  return all;
}

}  // namespace

std::vector<std::string> fetchable() {
  std::vector<std::string> names;
  for (const auto& source : sources()) names.push_back(source.name);
  return names;
}

FetchSource fetch_source(const std::string& name) {
  const auto found = std::ranges::find(sources(), name, &FetchSource::name);
  if (found != sources().end()) return *found;
  const std::string nearest = nearest_name(name, fetchable());
  fail("fetch", "'{}' cannot be fetched{}; these can: {}", name,
       nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest), join(fetchable()));
}

fs::path fetch(const FetchSource& source, const fs::path& data_folder, const FetchProgress& progress) {
  fs::path folder = data_folder / source.folder;
  make_folder(folder);
  for (const auto& file : source.files) fetch_file(source, file, folder, progress);
  return folder;
}

fs::path fetch(const std::string& name, const fs::path& data_folder, const FetchProgress& progress) {
  return fetch(fetch_source(name), data_folder, progress);
}

}  // namespace tandem::data
