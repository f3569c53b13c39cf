// What the fuzz targets share. Each file beside it is a program: it reads what libFuzzer gives it as a stranger's file
// would be read. Refusing is an answer; a crash, a hang, a finding of a sanitizer or any other exception is not.
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <tandem/base/error.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace tandem::fuzz {

using Bytes = std::span<const uint8_t>;

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// The first byte, taken off: chooses among the ways to read the rest.
inline uint8_t choice(Bytes& bytes) {
  if (bytes.empty()) return 0;
  const uint8_t first = bytes[0];
  bytes = bytes.subspan(1);
  return first;
}

template <class Read>
int attempt(Read read) {
  try {
    read();
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::internal) std::abort();
  }
  return 0;
}

/// Must hold, else it is a finding.
inline void demand(bool holds) {
  if (!holds) std::abort();
}

/// Writes a file of the target's own folder.
inline void put(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  demand(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::close(file);
}
inline void put(const std::string& path, Bytes bytes) { put(path, text_of(bytes)); }

/// A file in memory with these bytes, for readers that take a path.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes bytes) : file_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    demand(file_ >= 0 && ::write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { ::close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

}  // namespace tandem::fuzz
