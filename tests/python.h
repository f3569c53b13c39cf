// Programs of others that read what Tandem writes, where this machine has them.
#pragma once
#include <optional>

#include "tests/cli/program.h"

namespace tandem::testing {

/// The Python that can import these modules: $TANDEM_PYTHON or the project's .venv; none when there is no such.
inline std::optional<fs::path> python_with(const std::string& modules) {
  const char* named = std::getenv("TANDEM_PYTHON");
  const fs::path python = named && *named ? fs::path(named) : fs::path(TANDEM_SOURCE_DIR) / ".venv/bin/python";
  const Folder folder;
  if (!fs::exists(python)) return std::nullopt;
  const bool has = Program(folder.path(), {"-c", "import " + modules}, {}, "/dev/null", python).wait().code == 0;
  return has ? std::optional(python) : std::nullopt;
}

}  // namespace tandem::testing
