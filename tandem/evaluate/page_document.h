// What all pages are made of: one HTML file with its style, its data and its script, complete without a network.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace tandem::evaluate {

struct PageParts {
  std::string title;                         // empty: Tandem
  std::string_view style = {};               // CSS after the common one
  std::string plain = {};                    // HTML for a reader whose browser runs no scripts
  std::string data = {};                     // JSON, which the script finds as D
  std::span<const std::string_view> script;  // JavaScript, piece by piece
};
[[nodiscard]] std::string page_document(const PageParts& parts);

/// Text that may stand in HTML.
[[nodiscard]] std::string escaped_html(std::string_view text);

}  // namespace tandem::evaluate
