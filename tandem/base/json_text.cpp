#include <tandem/base/error.h>
#include <tandem/base/json_text.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem {

std::string json_text(const std::string& text, const char* where) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::data, where, "a name or text is no valid UTF-8 ({})", e.what());
  }
}

std::string json_text(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "null"; }

}  // namespace tandem
