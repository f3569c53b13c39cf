#include <tandem/base/error.h>
#include <tandem/base/json_file.h>

#include <nlohmann/json.hpp>

namespace tandem {

nlohmann::json read_json_object(const fs::path& path, uint64_t limit) {
  using nlohmann::json;
  constexpr int deepest = 64;
  const auto shallow = [&](int depth, json::parse_event_t, const json&) {
    if (depth > deepest)
      fail(ErrorKind::data, path.string(), "is nested deeper than {}: nothing that is read is", deepest);
    return true;
  };
  const std::string text = read_text(path, limit);
  json out;
  try {
    out = json::parse(text, shallow);
  } catch (const json::exception& e) {
    fail(ErrorKind::data, path.string(), "is no JSON: {}", e.what());
  }
  if (!out.is_object()) fail(ErrorKind::data, path.string(), "is no JSON object");
  return out;
}

}  // namespace tandem
