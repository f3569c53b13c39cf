// Values of JSON as text, for what must be written even where memory ends: the destructor of the JSON library's arrays
// and objects takes memory, and ends the program where there is none.
#pragma once
#include <string>

namespace tandem {

/// With its quotes. A data error naming `where` when `text` is no UTF-8.
[[nodiscard]] std::string json_text(const std::string& text, const char* where);
/// So that reading it gives the same number; null for NaN and infinity, which JSON does not have.
[[nodiscard]] std::string json_text(double value);

}  // namespace tandem
