// The one exception type, and how to throw it.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace tandem {

/// What went wrong, by who can mend it. Maps to the exit code of the program.
enum class ErrorKind {
  usage,     // a call, a flag or a recipe asks for something invalid
  data,      // a data set or model file holds something invalid
  file,      // a file or folder cannot be read or written
  numeric,   // numbers went wrong while running (NaN, divergence)
  internal,  // our own fault
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

/// Throws Error{kind, "where: message"}. The message says what was given, which rule it broke and what to do.
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, std::string_view where, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(kind, fmt::format("{}: {}", where, fmt::format(text, std::forward<Args>(args)...)));
}

/// Throws a usage error: the caller broke the contract of `where`.
template <class... Args>
[[noreturn]] void fail(std::string_view where, fmt::format_string<Args...> text, Args&&... args) {
  fail(ErrorKind::usage, where, text, std::forward<Args>(args)...);
}

/// 0 done, 1 the run failed, 2 usage or recipe, 3 data or file.
[[nodiscard]] int exit_code(ErrorKind kind) noexcept;

}  // namespace tandem
