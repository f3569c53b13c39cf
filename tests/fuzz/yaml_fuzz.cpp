// YAML: what is read is written, and read back as the same.
#include <tandem/base/config.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::attempt([&] {
    const std::string text = Config::parse(std::string(fuzz::text_of({data, size})), "fuzz").str();
    (void)Config::parse(text, "back");
  });
}
