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

/// The place of the first byte that is no UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF),
/// or text.size() when all of it is.
[[nodiscard]] size_t first_invalid_utf8(std::string_view text);

/// "1,234,567": thousands set apart for people.
[[nodiscard]] std::string grouped(int64_t number);

}  // namespace tandem
