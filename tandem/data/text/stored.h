// Texts in a file of tensors: their bytes one after another, and where each ends.
#pragma once
#include <tandem/data/dataset.h>
#include <tandem/tensor/safetensors.h>

namespace tandem::data {

/// Adds the tensors NAME (bytes) and NAME.ends.
void put_texts(TensorFile& file, const std::string& name, const Texts& texts);

/// What put_texts() wrote. Throws a data error naming `where`, which ends with `remedy`, for anything else, and for
/// bytes that are no UTF-8.
[[nodiscard]] Texts texts_in(const TensorFile& file, const std::string& name, const std::string& where,
                             const std::string& remedy);

}  // namespace tandem::data
