// JSON that somebody else may have written.
#pragma once
#include <tandem/base/files.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tandem {

/// A document whose end takes no memory. That of the JSON library's own arrays and objects does, and ends the program
/// where there is none.
class JsonTree {
 public:
  /// Throws nlohmann::json::exception when `text` is no JSON, a data error naming `where` when it is nested deeper than
  /// anything that is read.
  JsonTree(const std::string& text, const std::string& where);
  ~JsonTree();
  JsonTree(const JsonTree&) = delete;
  JsonTree& operator=(const JsonTree&) = delete;
  [[nodiscard]] const nlohmann::json& operator*() const { return *root_; }

 private:
  std::unique_ptr<nlohmann::json> root_;
};

/// The object in a file of at most `limit` bytes. Throws a data error when it is no JSON, no object, or nested deeper
/// than anything that is read.
[[nodiscard]] nlohmann::json read_json_object(const fs::path& path, uint64_t limit = uint64_t{1} << 26);

}  // namespace tandem
