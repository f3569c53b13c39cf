#include <tandem/base/error.h>
#include <tandem/base/json_file.h>

#include <nlohmann/json.hpp>

namespace tandem {

using nlohmann::json;

namespace {

json parsed(const std::string& text, const std::string& where) {
  constexpr int deepest = 64;
  return json::parse(text, [&](int depth, json::parse_event_t, const json&) {
    if (depth > deepest) fail(ErrorKind::data, where, "is nested deeper than {}: nothing that is read is", deepest);
    return true;
  });
}

// From the leaves on: what holds nothing any more ends without a list of what it held.
void empty(json& node) noexcept {
  if (auto* list = node.get_ptr<json::array_t*>()) {
    for (json& value : *list) empty(value);
    list->clear();
  } else if (auto* map = node.get_ptr<json::object_t*>()) {
    for (auto& [key, value] : *map) empty(value);
    map->clear();
  }
}

}  // namespace

JsonTree::JsonTree(const std::string& text, const std::string& where)
    : root_(std::make_unique<json>(parsed(text, where))) {}

JsonTree::~JsonTree() { empty(*root_); }

json read_json_object(const fs::path& path, uint64_t limit) {
  json out;
  try {
    out = parsed(read_text(path, limit), path.string());
  } catch (const json::exception& e) {
    fail(ErrorKind::data, path.string(), "is no JSON: {}", e.what());
  }
  if (!out.is_object()) fail(ErrorKind::data, path.string(), "is no JSON object");
  return out;
}

}  // namespace tandem
