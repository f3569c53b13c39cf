#include <tandem/base/version.h>

namespace tandem {

std::string version() { return TANDEM_VERSION; }

}  // namespace tandem
