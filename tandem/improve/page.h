// A search as one HTML file that needs nothing else: history, importance, slices, parallel coordinates, the trials.
#pragma once
#include <tandem/improve/search.h>

#include <string>
#include <vector>

namespace tandem::improve {

/// `command` is what was typed, for the foot of the page.
[[nodiscard]] std::string search_page(const Search& search, const std::vector<Trial>& trials,
                                      const std::string& command);

}  // namespace tandem::improve
