// What every model file is read and written with.
#pragma once
#include <tandem/base/error.h>
#include <tandem/base/files.h>
#include <tandem/tensor/sparse.h>

#include <string>

namespace tandem::tasks {

inline constexpr const char* format_version = "1";

/// Tensors as the network has them, however the file keeps them; writing keeps those that are mostly zeros in less
/// room.
[[nodiscard]] inline TensorFile read_model_file(const fs::path& path) {
  TensorFile file = read_safetensors(path);
  expand(file, path.string());
  return file;
}
inline void write_model_file(const fs::path& path, TensorFile file) {
  compact(file);
  write_safetensors(path, file);
}

/// The metadata 'tandem.KEY' of a model file. Throws a data error when there is none.
[[nodiscard]] inline std::string model_text(const TensorFile& file, const fs::path& path, const char* key) {
  const auto found = file.metadata.find(std::string("tandem.") + key);
  if (found == file.metadata.end())
    fail(ErrorKind::data, path.string(),
         "has no 'tandem.{}' in its metadata: it is a safetensors file but no model of tandem", key);
  return found->second;
}

/// Throws a data error for a file of a format that this program does not read.
inline void check_format(const TensorFile& file, const fs::path& path) {
  if (const std::string format = model_text(file, path, "format"); format != format_version)
    fail(ErrorKind::data, path.string(), "has format version '{}', this program reads {}: use a newer tandem", format,
         format_version);
}

}  // namespace tandem::tasks
