// The small checkpoints that make_checkpoints.py wrote, and copies of them that differ.
#pragma once
#include <tandem/tensor/safetensors.h>

#include <nlohmann/json.hpp>

#include "tests/testing.h"

namespace tandem::testing {

inline fs::path checkpoints() { return fs::path(TANDEM_SOURCE_DIR) / "tests" / "adapt" / "checkpoints"; }

/// What transformers made of them.
inline const nlohmann::json& expected_texts() {
  static const auto all = nlohmann::json::parse(read_text(checkpoints() / "expected.json"));
  return all;
}

/// A copy of one of them, to be changed.
struct CheckpointCopy {
  Folder home;
  fs::path folder = home / "copy";

  explicit CheckpointCopy(const std::string& name, const std::vector<std::string>& without = {}) {
    fs::copy(checkpoints() / name, folder, fs::copy_options::recursive);
    for (const std::string& file : without) fs::remove(folder / file);
  }
  /// Changes config.json or another JSON file; a null takes the key out.
  void set(const std::string& key, const nlohmann::json& value, const std::string& file = "config.json") const {
    auto all = fs::exists(folder / file) ? nlohmann::json::parse(read_text(folder / file)) : nlohmann::json::object();
    all[key] = value;
    if (value.is_null()) all.erase(key);
    write_text(folder / file, all.dump());
  }
  template <class Fn>
  void change_tensors(Fn&& fn) const {
    TensorFile file = read_safetensors(folder / "model.safetensors");
    fn(file);
    write_safetensors(folder / "model.safetensors", file);
  }
};

}  // namespace tandem::testing
