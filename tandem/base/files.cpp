#include <fcntl.h>
#include <sys/stat.h>
#include <tandem/base/error.h>
#include <tandem/base/files.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tandem {
namespace {

[[noreturn]] void fail_file(const fs::path& path, std::string_view what, int error) {
  fail(ErrorKind::file, path.string(), "{}: {}", what, std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  int close() {
    const int result = ::close(fd_);
    fd_ = -1;
    return result;
  }

 private:
  int fd_;
};

// Removes the half-written file unless it was renamed into place.
struct Unlink {
  std::string path;
  bool armed = true;
  ~Unlink() {
    if (armed) ::unlink(path.c_str());
  }
};

template <class Bytes>
Bytes read_all(const fs::path& path, uint64_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail_file(path, "cannot be opened", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail_file(path, "cannot be read", errno);
  if (!S_ISREG(info.st_mode)) fail(ErrorKind::file, path.string(), "is not a plain file");
  if (static_cast<uint64_t>(info.st_size) > limit)
    fail(ErrorKind::file, path.string(), "has {} bytes, at most {} are read", info.st_size, limit);
  Bytes bytes(static_cast<size_t>(info.st_size), 0);
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_file(path, "cannot be read", errno);
    if (got == 0) fail(ErrorKind::file, path.string(), "ended after {} of {} bytes", have, bytes.size());
    have += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace

std::vector<uint8_t> read_file(const fs::path& path, uint64_t limit) {
  return read_all<std::vector<uint8_t>>(path, limit);
}

std::string read_text(const fs::path& path, uint64_t limit) { return read_all<std::string>(path, limit); }

void write_file(const fs::path& path, std::span<const uint8_t> bytes) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  Unlink aside{path.string() + ".part-" + std::to_string(::getpid())};
  Descriptor file(::open(aside.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) {
    aside.armed = false;
    fail_file(path, "cannot be written", errno);
  }
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) fail_file(path, "cannot be written", put < 0 ? errno : EIO);
    done += static_cast<size_t>(put);
  }
  if (::fsync(file.get()) != 0) fail_file(path, "cannot be synced to disk", errno);
  if (file.close() != 0) fail_file(path, "cannot be closed", errno);
  if (::rename(aside.path.c_str(), path.c_str()) != 0) fail_file(path, "cannot be put in place", errno);
  aside.armed = false;
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot sync a folder (EINVAL); the file itself is safe by then.
  if (parent.get() < 0 || (::fsync(parent.get()) != 0 && errno != EINVAL)) fail_file(folder, "cannot be synced", errno);
}

void write_text(const fs::path& path, std::string_view text) {
  write_file(path, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail(ErrorKind::file, path.string(), "cannot be made: {}", error.message());
}

fs::path cache_folder() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return fs::path(xdg) / "tandem";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache" / "tandem";
  fail(ErrorKind::file, "cache folder", "neither XDG_CACHE_HOME nor HOME is set: name a folder with --data");
}

}  // namespace tandem
