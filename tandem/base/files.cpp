#include <fcntl.h>
#include <sys/stat.h>
#include <tandem/base/error.h>
#include <tandem/base/file_names.h>
#include <tandem/base/files.h>
#include <tandem/base/input_file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

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
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
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

// A signal may interrupt any call that waits for a disk.
template <class Call>
auto without_interrupts(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

template <class Bytes>
Bytes read_all(const fs::path& path, uint64_t limit) {
  const InputFile file(path);
  if (file.size() > limit)
    fail(ErrorKind::file, path.string(), "has {} bytes, at most {} are read", file.size(), limit);
  Bytes bytes(static_cast<size_t>(file.size()), 0);
  file.read(0, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  return bytes;
}

void sync_folder(const fs::path& folder) {
  const Descriptor file(without_interrupts([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  // Some file systems cannot sync a folder (EINVAL); the file itself is safe by then.
  if (file.get() < 0 || (without_interrupts([&] { return ::fsync(file.get()); }) != 0 && errno != EINVAL))
    fail_file(folder, "cannot be synced to disk", errno);
}

// Whether the disk gives what it was given: the system's copy in memory is dropped first.
void read_back(int file, std::span<const uint8_t> bytes, const fs::path& path) {
  (void)::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  std::vector<uint8_t> part(std::min(bytes.size(), size_t{1} << 16));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t got = without_interrupts([&] {
      return ::pread(file, part.data(), std::min(part.size(), bytes.size() - done), static_cast<off_t>(done));
    });
    if (got < 0) fail_file(path, "cannot be read back after writing", errno);
    if (got == 0 || std::memcmp(part.data(), bytes.data() + done, static_cast<size_t>(got)) != 0)
      fail(ErrorKind::file, path.string(),
           "was written, but other bytes are read back from byte {} on: the disk or the memory is faulty", done);
    done += static_cast<size_t>(got);
  }
}

// The part of a file that is being written: PATH.part-PROCESS-NUMBER. Two threads may write the same file.
constexpr std::string_view part_mark = ".part-";
std::string part_of(const fs::path& path) {
  static std::atomic<uint64_t> number = 0;
  return fmt::format("{}{}{}-{}", path.string(), part_mark, ::getpid(), ++number);
}

}  // namespace

InputFile::InputFile(const fs::path& path) : path_(path) {
  Descriptor file(without_interrupts([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (file.get() < 0) fail_file(path, "cannot be opened", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail_file(path, "cannot be read", errno);
  if (!S_ISREG(info.st_mode)) fail(ErrorKind::file, path.string(), "is not a plain file");
  size_ = static_cast<uint64_t>(info.st_size);
  file_ = file.release();
}

InputFile::~InputFile() { ::close(file_); }

void InputFile::read(uint64_t at, std::span<uint8_t> into) const {
  for (size_t have = 0; have < into.size();) {
    const ssize_t got = without_interrupts(
        [&] { return ::pread(file_, into.data() + have, into.size() - have, static_cast<off_t>(at + have)); });
    if (got < 0) fail_file(path_, "cannot be read", errno);
    if (got == 0)
      fail(ErrorKind::file, path_.string(), "ended after {} of {} bytes while it was read", at + have, size_);
    have += static_cast<size_t>(got);
  }
}

std::vector<uint8_t> read_file(const fs::path& path, uint64_t limit) {
  return read_all<std::vector<uint8_t>>(path, limit);
}

std::string read_text(const fs::path& path, uint64_t limit) { return read_all<std::string>(path, limit); }

void write_file(const fs::path& path, std::span<const uint8_t> bytes) {
  Unlink aside{part_of(path)};
  Descriptor file(
      without_interrupts([&] { return ::open(aside.path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); }));
  if (file.get() < 0) {
    aside.armed = false;
    fail_file(path, "cannot be written", errno);
  }
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put =
        without_interrupts([&] { return ::write(file.get(), bytes.data() + done, bytes.size() - done); });
    if (put <= 0) fail_file(path, "cannot be written", put < 0 ? errno : EIO);
    done += static_cast<size_t>(put);
  }
  if (without_interrupts([&] { return ::fsync(file.get()); }) != 0) fail_file(path, "cannot be synced to disk", errno);
  read_back(file.get(), bytes, path);
  // An interrupted close() has closed the file, whose bytes are on the disk by then.
  if (file.close() != 0 && errno != EINTR) fail_file(path, "cannot be closed", errno);
  move_file(aside.path, path);
}

void write_text(const fs::path& path, std::string_view text) {
  write_file(path, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

void move_file(const fs::path& from, const fs::path& to) {
  if (without_interrupts([&] { return ::rename(from.c_str(), to.c_str()); }) != 0)
    fail_file(to, "cannot be put in place", errno);
  sync_folder(to.has_parent_path() ? to.parent_path() : fs::path("."));
}

void copy_name(const fs::path& from, const fs::path& to) {
  Unlink aside{part_of(to)};
  if (without_interrupts([&] { return ::link(from.c_str(), aside.path.c_str()); }) != 0) {
    aside.armed = false;
    write_file(to, read_file(from));
    return;
  }
  move_file(aside.path, to);  // two names of one file: nothing is done and both stay, so that `aside` is removed
}

void remove_parts(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const size_t mark = name.rfind(part_mark);
    if (mark == std::string::npos) continue;
    pid_t process = 0;
    (void)std::from_chars(name.data() + mark + part_mark.size(), name.data() + name.size(), process);
    if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) ::unlink(at->path().c_str());
  }
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
