// A running text by name or path, in parts: what language models read.
#pragma once
#include <tandem/data/text/named.h>

#include <string>

namespace tandem::data {

struct CorpusOptions {
  fs::path data_folder = {};  // where named texts lie; "" means data_folder("")
  double validation = 0.1;    // share of a single file; its last part, with `test_share` behind it
  double test_share = 0;
};

/// The text `source`: tinyshakespeare or wikitext2; a folder with train.txt and, where it has them, valid.txt (or
/// validation.txt) and test.txt; or a single file, cut between characters. Throws a usage error with the nearest name
/// for an unknown one, a file error where files are missing.
[[nodiscard]] Corpus find_corpus(const std::string& source, const CorpusOptions& options = {});

}  // namespace tandem::data
