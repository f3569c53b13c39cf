#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/formats/jsonl.h>
#include <tandem/data/formats/lines.h>

#include <nlohmann/json.hpp>

namespace tandem::data {

void read_jsonl(const fs::path& path, const std::vector<std::string>& keys,
                const std::function<void(const std::vector<std::string>& values, int64_t line)>& fn) {
  LineReader lines(path);
  std::vector<std::string> values(keys.size());
  for (std::string text; lines.next(text);) {
    if (text.find_first_not_of(" \t") == std::string::npos) continue;
    const std::string where = fmt::format("{}:{}", path.string(), lines.line());
    nlohmann::json object;
    try {
      object = nlohmann::json::parse(text);
    } catch (const nlohmann::json::exception& e) {
      fail(ErrorKind::data, where, "is no JSON: {}", e.what());
    }
    if (!object.is_object()) fail(ErrorKind::data, where, "holds {}, expected an object like {{\"text\": …}}", object.type_name());
    for (size_t k = 0; k < keys.size(); ++k) {
      const auto found = object.find(keys[k]);
      if (found == object.end()) {
        std::vector<std::string> names;
        for (const auto& [name, value] : object.items()) names.push_back(name);
        const std::string nearest = nearest_name(keys[k], names);
        fail(ErrorKind::data, where, "has no '{}'{}; it has {}", keys[k],
             nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest), join(names));
      }
      if (found->is_structured() || found->is_null())
        fail(ErrorKind::data, where, "'{}' is {}, expected a text", keys[k], found->type_name());
      values[k] = found->is_string() ? found->get<std::string>() : found->dump();
    }
    fn(values, lines.line());
  }
}

}  // namespace tandem::data
