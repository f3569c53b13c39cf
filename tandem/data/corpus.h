// A running text by name or path, in parts: what language models read.
#pragma once
#include <tandem/base/files.h>
#include <tandem/data/formats/lines.h>

#include <string>

namespace tandem::data {

/// A file, or the bytes [begin, end) of it.
struct TextPart {
  fs::path path = {};
  uint64_t begin = 0, end = ~uint64_t{0};
  [[nodiscard]] bool empty() const { return path.empty(); }
  [[nodiscard]] LineReader lines() const { return LineReader(path, {.begin = begin, .end = end}); }
};

struct Corpus {
  TextPart train, validation, test;  // the last two may be empty
  std::string source;                // for people
};

struct CorpusOptions {
  fs::path data_folder = {};  // where named texts lie; "" means data_folder("")
  double validation = 0.1;    // share of a single file; its last part, with `test_share` behind it
  double test_share = 0;
};

/// The text `source`: a name of catalog() that is a running text; a folder with train.txt and, where it has them,
/// valid.txt (or validation.txt) and test.txt; or a single file, cut between characters. Throws a usage error with the
/// nearest name for an unknown one, a file error where files are missing.
[[nodiscard]] Corpus find_corpus(const std::string& source, const CorpusOptions& options = {});

}  // namespace tandem::data
