// Which Tandem this is.
#pragma once
#include <string>

namespace tandem {

/// "1.2.3".
[[nodiscard]] std::string version();

}  // namespace tandem
