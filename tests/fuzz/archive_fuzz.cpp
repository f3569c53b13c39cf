// Archives: tar, plain and compressed, and zip. No more comes out of one than its limits say.
#include <tandem/data/formats/archive.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::attempt([&] {
    const data::ArchiveLimits limits{.member = 1 << 14, .total = 1 << 16, .members = 100};
    const fuzz::MemoryFile file(fuzz::Bytes(data, size));
    uint64_t members = 0, total = 0;
    data::read_archive(
        file.path(),
        [&](const std::string&, const std::vector<uint8_t>& bytes) {
          total += bytes.size();
          fuzz::demand(bytes.size() <= limits.member && ++members <= limits.members);
        },
        limits);
    fuzz::demand(total <= limits.total);
  });
}
