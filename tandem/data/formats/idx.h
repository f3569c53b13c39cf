// IDX, the format of MNIST: big-endian; two zero bytes, the element type, the rank, the sizes, the elements.
// Source of the format: yann.lecun.com/exdb/mnist.
#pragma once
#include <tandem/base/files.h>
#include <tandem/tensor/tensor.h>

namespace tandem::data {

/// Reads bytes (element type 8) of rank 1 … 4, plain or gzip by content, as a uint8 tensor. Throws a file error when
/// `path` cannot be read, a data error naming it and the byte offset when the magic, the sizes or the length is wrong.
[[nodiscard]] Tensor read_idx(const fs::path& path);

/// The same from bytes already read (not compressed); `where` names them in errors.
[[nodiscard]] Tensor parse_idx(std::span<const uint8_t> bytes, std::string_view where);

/// Writes a uint8 tensor of rank 1 … 4; compressed when the name ends in .gz.
void write_idx(const fs::path& path, const Tensor& tensor);

}  // namespace tandem::data
