#include <curl/curl.h>
#include <tandem/base/error.h>
#include <tandem/data/download.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

namespace tandem::data {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct CloseCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};

struct Transfer {
  std::FILE* file = nullptr;
  int64_t begin = 0;  // bytes that were there before
  int64_t have = 0;
  int64_t limit = 0;
  const std::function<bool(int64_t, int64_t)>* progress = nullptr;
  bool too_long = false, stopped = false;
  int write_error = 0;
  std::exception_ptr thrown{};  // exceptions must not pass through C
};

size_t on_bytes(char* bytes, size_t, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (static_cast<int64_t>(count) > transfer.limit - transfer.have) {
    transfer.too_long = true;
    return 0;
  }
  if (std::fwrite(bytes, 1, count, transfer.file) != count) {
    transfer.write_error = errno;
    return 0;
  }
  transfer.have += static_cast<int64_t>(count);
  return count;
}

int on_progress(void* context, curl_off_t total, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!*transfer.progress) return 0;
  try {
    transfer.stopped = !(*transfer.progress)(transfer.have, total > 0 ? total + transfer.begin : 0);
  } catch (...) {
    transfer.thrown = std::current_exception();
  }
  return transfer.stopped || transfer.thrown ? 1 : 0;
}

void set_up(CURL* curl, const std::string& url, Transfer& transfer, char* message) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 8L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "tandem");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.begin));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
}

}  // namespace

Download download(const std::string& url, const fs::path& part, int64_t limit,
                  const std::function<bool(int64_t, int64_t)>& progress) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, CloseCurl> curl(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) fail(ErrorKind::internal, "download", "libcurl could not be started");
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(part.c_str(), "abe"));
  if (!file) fail(ErrorKind::file, part.string(), "cannot be written: {}", std::strerror(errno));

  const auto begin = static_cast<int64_t>(fs::file_size(part));
  Transfer transfer{.file = file.get(), .begin = begin, .have = begin, .limit = limit, .progress = &progress};
  char message[CURL_ERROR_SIZE] = "";
  set_up(curl.get(), url, transfer, message);
  const CURLcode code = curl_easy_perform(curl.get());
  if (std::fflush(file.get()) != 0 || ::fsync(::fileno(file.get())) != 0)
    transfer.write_error = transfer.write_error ? transfer.write_error : errno;
  if (transfer.write_error != 0)
    fail(ErrorKind::file, part.string(), "cannot be written after {} bytes: {}", transfer.have,
         std::strerror(transfer.write_error));
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);

  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  constexpr long range_not_satisfiable = 416;
  if (code == CURLE_OK) return {DownloadEnd::done, ""};
  if (transfer.stopped) return {DownloadEnd::stopped, "stopped"};
  const std::string reason = transfer.too_long ? fmt::format("gives more than the {} bytes expected", limit)
                             : *message        ? message
                                               : curl_easy_strerror(code);
  const bool refused = transfer.too_long || code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME ||
                       status == range_not_satisfiable;
  return {begin > 0 && refused ? DownloadEnd::cannot_resume : DownloadEnd::failed, reason};
}

}  // namespace tandem::data
