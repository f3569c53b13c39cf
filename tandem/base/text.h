// Small helpers for names and messages.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

/// The candidate with the smallest edit distance to `name`, or "" when none is near (more than a third differs).
[[nodiscard]] std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "a, b, c".
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");

/// "1,234,567": thousands set apart for people.
[[nodiscard]] std::string grouped(int64_t number);

}  // namespace tandem
