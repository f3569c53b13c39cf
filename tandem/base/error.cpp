#include <tandem/base/error.h>

namespace tandem {

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage: return 2;
    case ErrorKind::data:
    case ErrorKind::file: return 3;
    case ErrorKind::numeric:
    case ErrorKind::internal: return 1;
  }
  return 1;
}

}  // namespace tandem
