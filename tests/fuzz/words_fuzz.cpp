// Words that others learned: vectors, and the tokenizers' files that stand beside a network. What was read is used.
#include <tandem/data/text/tokenizer_folder.h>
#include <tandem/data/text/vectors.h>

#include <filesystem>

#include "tests/fuzz/models.h"

using namespace tandem;

namespace {

struct Known {
  std::string folder = fuzz::own_path("words");
  data::Tokenizer tokenizer;
  Known() {
    fs::create_directory(folder);
    tokenizer = tasks::fit_input(fuzz::good_texts(), {}).tokenizer;
  }
  ~Known() { fs::remove_all(folder); }
};

}  // namespace

/// The first byte says which file; merges.txt comes with a vocabulary of single bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Known known;
  fuzz::Bytes bytes(data, size);
  const uint8_t what = fuzz::choice(bytes) % 5;
  static const char* const files[] = {"vectors.txt", "vocab.txt", "tokenizer.json", "vocab.json", "merges.txt"};
  for (const char* name : files) ::unlink((known.folder + "/" + name).c_str());
  fuzz::put(known.folder + "/" + files[what], bytes);
  if (what == 3) fuzz::put(known.folder + "/merges.txt", "#version: 0.2\n");
  if (what == 4)
    fuzz::put(known.folder + "/vocab.json", R"({"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "<|endoftext|>": 5})");
  return fuzz::attempt([&] {
    if (what == 0) {
      const auto vectors = data::read_word_vectors(known.folder + "/vectors.txt", known.tokenizer, 3, Rng(1, "fuzz"));
      fuzz::demand(vectors.found > 0 && vectors.values.size(1) == 3);
      return;
    }
    const bool pieces = what == 1 || (what == 2 && size % 2 == 0);
    const data::Tokenizer read = data::read_tokenizer(known.folder, pieces ? "wordpiece" : "byte_bpe");
    const auto ids = read.encode("abc the cab, \xE6\xBC\xA2!");
    for (const int32_t id : ids) fuzz::demand(id >= 0 && id < read.tokens());
    (void)read.decode(ids);
  });
}
