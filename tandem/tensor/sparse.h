// Tensors that are mostly zeros, as a file keeps them: which are not, and those.
#pragma once
#include <tandem/tensor/safetensors.h>

namespace tandem {

/// Each tensor of a kilobyte or more that takes less than half of its bytes so becomes two, NAME.mask and NAME.values:
/// a bit for each element in order, the lowest of a byte first, and the elements whose bit is 1. "tandem.sparse" in the
/// metadata has the shapes. A file without such tensors stays as it is.
void compact(TensorFile& file);

/// The inverse. Throws a data error, naming `where`, when shape, mask and values do not belong together. What it takes
/// in memory is at most 32 times the masks' bytes.
void expand(TensorFile& file, const std::string& where);

}  // namespace tandem
