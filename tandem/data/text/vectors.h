// Word vectors that were learned elsewhere, as a beginning for an embedding.
#pragma once
#include <tandem/base/files.h>
#include <tandem/base/random.h>
#include <tandem/data/text/tokenizer.h>

namespace tandem::data {

struct WordVectors {
  Tensor values;      // (tokenizer.size(), d) float32
  int64_t found = 0;  // tokens that the file has
};

/// Vectors of the tokenizer's tokens from a text file of word2vec (a first line with count and length) or GloVe (none):
/// a word a line, then its numbers, with blanks between; plain or gzip, read line by line. A token that the file lacks
/// gets random numbers of the same spread. Throws a data error with file and line where it is no such table of `width`
/// numbers a word, and when it has none of the tokens.
[[nodiscard]] WordVectors read_word_vectors(const fs::path& path, const Tokenizer& tokenizer, int64_t width,
                                            const Rng& rng);

}  // namespace tandem::data
