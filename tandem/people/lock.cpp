#include <fcntl.h>
#include <sys/file.h>
#include <tandem/base/error.h>
#include <tandem/people/lock.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tandem::people {

Lock::Lock(const fs::path& path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_ < 0) fail(ErrorKind::file, path.string(), "cannot be opened: {}", std::strerror(errno));
  while (::flock(file_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    ::close(file_);
    fail(ErrorKind::file, path.string(), "cannot be locked: {}", std::strerror(error));
  }
}

Lock::~Lock() { ::close(file_); }

}  // namespace tandem::people
