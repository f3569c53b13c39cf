// Texts: lines, JSON lines, and how they are cut into words.
#include <tandem/data/formats/jsonl.h>
#include <tandem/data/formats/lines.h>
#include <tandem/data/text/unicode.h>
#include <tandem/data/text/words.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Bytes bytes(data, size);
  const uint8_t how = fuzz::choice(bytes);
  return fuzz::attempt([&] {
    const std::string text(fuzz::text_of(bytes));
    if (how % 4 == 0) {
      const fuzz::MemoryFile file(bytes);
      data::read_jsonl(file.path(), {"text", "label"},
                       [](const auto& values, int64_t line) { fuzz::demand(values.size() == 2 && line > 0); });
    } else if (how % 4 == 1) {
      const fuzz::MemoryFile file(bytes);
      const auto encoding = (how & 4U) != 0 ? data::Encoding::windows_1252 : data::Encoding::utf8;
      for (const std::string& line : data::read_lines(file.path(), {.encoding = encoding}))
        data::check_utf8(line, "what was read");
    } else {
      data::check_utf8(text, "fuzz");
      const std::string normal = data::normalised(text, {.nfkc = true, .lower = (how & 4U) != 0});
      data::check_utf8(normal, "what was normalised");
      std::string again;
      for (const std::string& word : data::split_words(normal)) again += word;
      fuzz::demand(again.size() <= normal.size());
      (void)data::join_words(data::split_words(normal));
      (void)data::split_characters(normal);
    }
  });
}
