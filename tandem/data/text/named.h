// The sets of texts that are known by name: labelled ones, and running text for language models.
#pragma once
#include <tandem/data/dataset.h>
#include <tandem/data/formats/lines.h>

#include <string>
#include <vector>

namespace tandem::data {

/// mr_polarity, chnsenticorp, banking77 or clinc150 from its folder. What has no parts of its own comes whole as the
/// training part, but chnsenticorp, whose parts of 80, 10 and 10 % are drawn from `seed`. In clinc150 out-of-scope is a
/// class of its own, the last: oos.
[[nodiscard]] Splits load_named_texts(const std::string& name, const fs::path& folder, uint64_t seed);

/// Running text: its parts as files, or as bytes [begin, end) of one.
struct TextPart {
  fs::path file{};
  uint64_t begin = 0, end = ~uint64_t{0};
  [[nodiscard]] LineReader lines() const { return LineReader(file, {.begin = begin, .end = end}); }
};
struct Corpus {
  TextPart train, validation, test;  // without a file where there is no such part
};
/// tinyshakespeare (the first 90 % for training, the rest for validation) or wikitext2 from its folder, or a text file
/// of one's own, divided as the former.
[[nodiscard]] Corpus load_corpus(const std::string& name, const fs::path& folder);
[[nodiscard]] Corpus corpus_of(const fs::path& file, double validation = 0.1);

}  // namespace tandem::data
