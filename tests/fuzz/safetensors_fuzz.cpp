// Model files: what is read must be written and read back as the same.
#include <tandem/tensor/safetensors.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::attempt([&] {
    const TensorFile file = parse_safetensors({data, size}, "fuzz");
    const TensorFile back = parse_safetensors(format_safetensors(file), "back");
    fuzz::demand(back.metadata == file.metadata && back.tensors.size() == file.tensors.size());
    for (const auto& [name, tensor] : file.tensors) {
      const Tensor other = back.find(name);
      fuzz::demand(other.shape() == tensor.shape() && other.byte_count() == tensor.byte_count());
      if (tensor.byte_count() > 0) fuzz::demand(std::memcmp(other.bytes(), tensor.bytes(), tensor.byte_count()) == 0);
    }
  });
}
