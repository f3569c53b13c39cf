// Reading JSON that clients send: errors are theirs, depth and memory have limits.
#pragma once
#include <fmt/format.h>
#include <simdjson.h>
#include <tandem/deploy/http.h>

#include <optional>
#include <string>
#include <string_view>

namespace tandem::deploy {

/// Deepest nesting of a JSON body.
inline constexpr size_t most_json_depth = 32;

/// Throws Refused 400.
template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw Refused(400, fmt::format(text, std::forward<Args>(args)...));
}

/// A parsed body; what is found in it lives until the thread reads the next one. Parsers keep their memory, that of a
/// large body aside. All of what follows throws Refused 400, with `what` for the thing that is wrong.
class Json {
 public:
  explicit Json(std::string_view text);
  simdjson::dom::element root;

 private:
  simdjson::dom::parser own_;
};

[[nodiscard]] simdjson::dom::object object_of(const simdjson::dom::element& value, std::string_view what);
[[nodiscard]] std::optional<simdjson::dom::element> find(const simdjson::dom::object& in, std::string_view key);
[[nodiscard]] simdjson::dom::element need(const simdjson::dom::object& in, std::string_view key, std::string_view what);
/// At most 256 bytes.
[[nodiscard]] std::string text_of(const simdjson::dom::element& value, std::string_view what);

}  // namespace tandem::deploy
