// The subword model that a model file may hold: third-party bytes for a third-party reader.
#include <tandem/data/text/subword.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::attempt([&] {
    const data::Subword model = data::Subword::restore({data, size}, "fuzz");
    const auto ids = model.encode("the quick brown fox");
    (void)model.decode(ids);
    for (const int32_t id : ids) fuzz::demand(id >= 0 && id < model.size());
  });
}
