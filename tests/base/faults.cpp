// A library to be preloaded (LD_PRELOAD) into a program that saves: the K-th call of one kind on files that are being
// written, or of models that are read, fails, or the program stops there. TANDEM_FAULT=CALL:K:HOW, with CALL open,
// write, fsync, pread, rename, link, unlink or close of what is written, or read; and HOW an error's number, "short" (a
// part of the bytes, then no space; of what is read nothing), "lie" (other bytes than were given, and no error), "stop"
// (before the call) or "stop-behind".
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

enum class Watched : char { no, written, read };
std::array<Watched, 1024> watched{};  // by descriptor: parts of files and folders are written, models read

bool is_part(const char* path) { return path != nullptr && std::strstr(path, ".part-") != nullptr; }
bool is_model(const char* path) { return path != nullptr && std::string_view(path).ends_with(".safetensors"); }
Watched kind_of(int file) {
  return file >= 0 && file < static_cast<int>(watched.size()) ? watched[static_cast<size_t>(file)] : Watched::no;
}
bool is_watched(int file) { return kind_of(file) == Watched::written; }

template <class Call>
Call* real(Call*, const char* name) {
  return reinterpret_cast<Call*>(dlsym(RTLD_NEXT, name));
}

struct Fault {
  char call[16] = "";
  long at = 0, seen = 0;
  char how[16] = "";
  Fault() {
    if (const char* text = std::getenv("TANDEM_FAULT"))
      if (std::sscanf(text, "%15[^:]:%ld:%15s", call, &at, how) != 3) std::abort();
  }
  /// Whether this call of that kind is the one; the program ends here when it is to.
  bool strikes(std::string_view name) {
    if (name != call || ++seen != at) return false;
    const char text[] = "FAULT\n";
    (void)!real(&::write, "write")(2, text, sizeof text - 1);
    if (std::string_view(how) == "stop") raise(SIGKILL);
    return true;
  }
  [[nodiscard]] bool is(std::string_view what) const { return what == how; }
  /// -1 with the error, or what the call gave.
  template <class T>
  T outcome(T done) const {
    if (is("stop-behind")) raise(SIGKILL);
    errno = std::atoi(how);
    return errno != 0 ? static_cast<T>(-1) : done;
  }
};

Fault& fault() {
  static Fault out;
  return out;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const bool ours = is_part(path) || (flags & O_DIRECTORY) != 0;
  const bool struck = ours && fault().strikes("open");
  if (struck && !fault().is("stop-behind")) return fault().outcome(-1);
  const int file = real(&::open, "open")(path, flags, mode);
  if (file >= 0 && file < static_cast<int>(watched.size()))
    watched[static_cast<size_t>(file)] = ours ? Watched::written : is_model(path) ? Watched::read : Watched::no;
  return struck ? fault().outcome(file) : file;
}

ssize_t write(int file, const void* bytes, size_t size) {
  static bool full = false;
  const auto call = real(&::write, "write");
  if (!is_watched(file)) return call(file, bytes, size);
  if (full) return errno = ENOSPC, -1;
  if (!fault().strikes("write")) return call(file, bytes, size);
  if (fault().is("short")) return full = true, call(file, bytes, size / 2);
  if (fault().is("lie")) {
    char* other = static_cast<char*>(std::malloc(size));
    std::memcpy(other, bytes, size);
    other[size / 2] ^= 1;
    const ssize_t put = call(file, other, size);
    std::free(other);
    return put;
  }
  return fault().outcome(fault().is("stop-behind") ? call(file, bytes, size) : ssize_t{-1});
}

ssize_t pread(int file, void* bytes, size_t size, off_t at) {
  const auto call = real(&::pread, "pread");
  const Watched kind = kind_of(file);
  if (kind == Watched::no || !fault().strikes(kind == Watched::read ? "read" : "pread"))
    return call(file, bytes, size, at);
  if (fault().is("short")) return 0;
  return fault().outcome(fault().is("stop-behind") ? call(file, bytes, size, at) : ssize_t{-1});
}
ssize_t pread64(int file, void* bytes, size_t size, off64_t at) { return pread(file, bytes, size, at); }

int fsync(int file) {
  const auto call = real(&::fsync, "fsync");
  if (!is_watched(file) || !fault().strikes("fsync")) return call(file);
  return fault().outcome(fault().is("stop-behind") ? call(file) : -1);
}

int close(int file) {
  const auto call = real(&::close, "close");
  const bool struck = is_watched(file) && fault().strikes("close");
  if (kind_of(file) != Watched::no) watched[static_cast<size_t>(file)] = Watched::no;
  const int done = call(file);  // a close that fails has closed nevertheless
  return struck ? fault().outcome(done) : done;
}

int rename(const char* from, const char* to) {
  const auto call = real(&::rename, "rename");
  if (!fault().strikes("rename")) return call(from, to);
  return fault().outcome(fault().is("stop-behind") ? call(from, to) : -1);
}

int link(const char* from, const char* to) {
  const auto call = real(&::link, "link");
  if (!fault().strikes("link")) return call(from, to);
  return fault().outcome(fault().is("stop-behind") ? call(from, to) : -1);
}

int unlink(const char* path) {
  const auto call = real(&::unlink, "unlink");
  if (!fault().strikes("unlink")) return call(path);
  return fault().outcome(fault().is("stop-behind") ? call(path) : -1);
}

int remove(const char* path) {
  const auto call = real(&::remove, "remove");
  if (!fault().strikes("unlink")) return call(path);
  return fault().outcome(fault().is("stop-behind") ? call(path) : -1);
}

}  // extern "C"
