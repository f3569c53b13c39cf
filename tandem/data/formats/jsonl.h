// JSON lines: an object a line.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tandem::data {

/// Calls fn(values, line) for each object of the file, in constant memory: the values of `keys`, in that order, strings
/// as they are, numbers and true or false as JSON writes them. Empty lines are left out. Throws a data error with file
/// and line where a line is no object, or lacks a key (with the nearest one it has), or has a list, an object or null
/// there.
void read_jsonl(const fs::path& path, const std::vector<std::string>& keys,
                const std::function<void(const std::vector<std::string>& values, int64_t line)>& fn);

}  // namespace tandem::data
