// NPY, the format of numpy.save. Source of the format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
#pragma once
#include <tandem/base/files.h>
#include <tandem/tensor/tensor.h>

namespace tandem::data {

/// Reads NPY version 1, 2 or 3: little-endian uint8, int32, int64, float32 or float64 in C order. Throws a file error
/// when `path` cannot be read, a data error naming it and the byte offset for anything else.
[[nodiscard]] Tensor read_npy(const fs::path& path);

/// The same from bytes already read; `where` names them in errors.
[[nodiscard]] Tensor parse_npy(std::span<const uint8_t> bytes, std::string_view where);

/// Writes version 1.0 (every shape of up to six axes fits).
void write_npy(const fs::path& path, const Tensor& tensor);

}  // namespace tandem::data
