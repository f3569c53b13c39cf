// Writing CSV.
#pragma once
#include <string>
#include <string_view>

namespace tandem::data {

/// A field as RFC 4180 writes it: in quotes where it holds a comma, a quote or a line break.
[[nodiscard]] std::string csv_field(std::string_view text);

}  // namespace tandem::data
