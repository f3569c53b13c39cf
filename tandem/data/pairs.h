// Sentences and their translations by name or path, in parts: what translation is learned from.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::data {

/// target[i] is a translation of source[i].
struct Pairs {
  std::vector<std::string> source, target;
  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(source.size()); }
};
struct PairParts {
  Pairs train, validation, test;
};

struct PairOptions {
  fs::path data_folder = {};  // where named data lies; "" means data_folder("")
  std::string from, to;       // languages, which are endings of files or names of columns
  double validation = 0.1;    // share of the training part, where there is no validation part
  double test_share = 0;      // share of it, where there is no test part
  uint64_t seed = 1;          // of these two choices
};

/// The pairs of `source`, of which line by line one is the translation of the other:
/// - multi30k (de, en), whose test part is test_2016_flickr;
/// - a folder with train.FROM and train.TO and, where it has them, valid (or val, validation, dev) and test;
/// - two files by what their names have in common: texts/news for texts/news.de and texts/news.en;
/// - a .csv, .tsv or .jsonl file with columns named FROM and TO.
/// Each file may be packed (.gz). Throws a usage error with the nearest name for an unknown source, a file error where
/// files are missing, and a data error with file and line at an empty line, at one without a partner, and at a byte
/// that is no UTF-8.
[[nodiscard]] PairParts find_pairs(const std::string& source, const PairOptions& options);

/// Not more than `most` of them, drawn by seed, in their own order; 0: all.
[[nodiscard]] Pairs at_most(Pairs pairs, int64_t most, uint64_t seed);

}  // namespace tandem::data
