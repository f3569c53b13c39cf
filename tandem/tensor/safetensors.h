// The safetensors format: named tensors and text metadata in one file, no code. The only reader and writer of model
// files.
#pragma once
#include <tandem/base/files.h>
#include <tandem/tensor/tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tandem {

/// Tensors in file order, and the strings of "__metadata__".
struct TensorFile {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, std::string> metadata;

  /// The tensor of that name, or none.
  [[nodiscard]] Tensor find(const std::string& name) const;
};

/// Bounded by the file's own size before anything is allocated: header length, names, sizes by checked products,
/// offsets in order, without gaps and inside the file. Anything else is a data error that names field and offset.
/// F16 and BF16 tensors are widened to float32, BOOL is read as U8.
[[nodiscard]] TensorFile read_safetensors(const fs::path& path);
[[nodiscard]] TensorFile parse_safetensors(std::span<const uint8_t> bytes, const std::string& where);

/// Writes whole or not at all. Tensor data starts at a multiple of 64 bytes.
void write_safetensors(const fs::path& path, const TensorFile& file);
[[nodiscard]] std::vector<uint8_t> format_safetensors(const TensorFile& file);

}  // namespace tandem
