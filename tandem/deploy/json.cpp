#include <tandem/deploy/json.h>

#include <algorithm>
#include <new>

namespace tandem::deploy {

using simdjson::dom::element;
using simdjson::dom::object;

Json::Json(std::string_view text) {
  static thread_local simdjson::dom::parser usual;
  simdjson::dom::parser& parser = text.size() <= (size_t{1} << 18) ? usual : own_;
  if (parser.max_depth() != most_json_depth &&
      parser.allocate(std::max<size_t>(text.size(), 1 << 14), most_json_depth) != simdjson::SUCCESS)
    throw std::bad_alloc();
  const auto error = parser.parse(text.data(), text.size(), true).get(root);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  if (error == simdjson::DEPTH_ERROR) refuse("the JSON is nested deeper than {} levels", most_json_depth);
  if (error) refuse("the body is no valid JSON: {}", simdjson::error_message(error));
}

object object_of(const element& value, std::string_view what) {
  object out;
  if (value.get(out)) refuse("{} must be an object", what);
  return out;
}

std::optional<element> find(const object& in, std::string_view key) {
  element out;
  if (in.at_key(key).get(out)) return std::nullopt;
  return out;
}

element need(const object& in, std::string_view key, std::string_view what) {
  const auto found = find(in, key);
  if (!found) refuse("{} has no '{}'", what, key);
  return *found;
}

std::string text_of(const element& value, std::string_view what) {
  std::string_view out;
  if (value.get(out)) refuse("{} must be a string", what);
  if (out.size() > 256) refuse("{} has {} bytes, at most 256 are taken", what, out.size());
  return std::string(out);
}

}  // namespace tandem::deploy
