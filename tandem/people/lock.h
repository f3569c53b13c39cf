// One at a time among processes: a lock that goes with the process that holds it.
#pragma once
#include <tandem/base/files.h>

namespace tandem::people {

/// Holds the lock file `path`, made when it is missing, until it is destroyed or the process ends; waits for whoever
/// else holds it. Throws a file error when it cannot be opened or locked.
class Lock {
 public:
  explicit Lock(const fs::path& path);
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int file_;
};

}  // namespace tandem::people
