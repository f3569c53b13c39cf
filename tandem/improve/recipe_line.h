// Lines of a recipe that people are to read.
#pragma once
#include <tandem/base/config.h>

#include <string>

namespace tandem::improve {

/// A line with its remark, at one column.
inline std::string line(const std::string& text, const std::string& remark = "") {
  return remark.empty() ? text + "\n" : fmt::format("{:<52} # {}\n", text, remark);
}

/// A text as a value in YAML, in quotes where it needs them.
inline std::string scalar(const std::string& text) {
  const std::string s = Config::scalar(text).str();
  return s.substr(0, s.find_last_not_of('\n') + 1);
}

}  // namespace tandem::improve
