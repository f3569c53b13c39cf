// JSON that another program left in a file.
#pragma once
#include <tandem/base/files.h>

#include <nlohmann/json_fwd.hpp>

namespace tandem {

/// The object in a file of at most `limit` bytes. Throws a data error when it is no JSON, no object, or nested deeper
/// than anything that is read.
[[nodiscard]] nlohmann::json read_json_object(const fs::path& path, uint64_t limit = uint64_t{1} << 26);

}  // namespace tandem
