// Arrays of numbers: IDX, NPY, and gzip around them.
#include <tandem/data/formats/gzip.h>
#include <tandem/data/formats/idx.h>
#include <tandem/data/formats/npy.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Bytes bytes(data, size);
  return fuzz::attempt([&] {
    switch (fuzz::choice(bytes) % 4) {
      case 0: (void)data::parse_npy(bytes, "fuzz"); break;
      case 1: (void)data::gunzip(bytes, 1 << 16, "fuzz"); break;
      default: (void)data::parse_idx(bytes, "fuzz");
    }
  });
}
