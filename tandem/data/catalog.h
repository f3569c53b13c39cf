// Data sets by name or path.
#pragma once
#include <tandem/base/files.h>
#include <tandem/data/dataset.h>
#include <tandem/data/folder.h>
#include <tandem/data/text/texts.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::data {

struct LoadOptions {
  fs::path data_folder{};      // where named data sets lie; "" means data_folder("")
  uint64_t seed = 1;           // of the built-in digits, and of the choice when a limit is set
  int64_t train_examples = 0;  // 0: all (builtin: 20,000); otherwise that many, each class giving its share
  int64_t test_examples = 0;   // 0: all (builtin: 5,000)
  ImageOptions image{};
  std::optional<TextSource> text{};  // a path holds texts, and this says where in its files
  std::vector<std::string> classes{};  // only these, in this order; empty: all
};

/// Loads a data set: a name of catalog(), or a path. That of a folder with one folder a class, of a folder with IDX
/// files, or of an archive (tar, tar.gz, zip) holds images; with options.text, what load_texts() takes. Throws a usage error with the nearest name for an unknown source and
/// a file error that says where it looked, and how to get it, for a missing data set.
[[nodiscard]] Splits load(const std::string& source, const LoadOptions& options = {});

/// Where named data sets lie: `flag` (--data) when given, else $TANDEM_DATA, else cache_folder()/data.
[[nodiscard]] fs::path data_folder(const std::string& flag);

/// One line of `tandem data list`.
struct CatalogEntry {
  std::string name{};
  std::string task{};
  int64_t classes = 0;
  std::string sizes{};    // examples: train / validation / test; pixels
  std::string licence{};  // and whom to cite
  std::string folder{};   // inside the data folder; "" needs none
  std::vector<std::string> files{};
  bool fetchable = false;  // `tandem data fetch NAME` can get it
};
[[nodiscard]] const std::vector<CatalogEntry>& catalog();

/// Whether the files of an entry lie in `data_folder`.
[[nodiscard]] bool is_present(const CatalogEntry& entry, const fs::path& data_folder);

}  // namespace tandem::data
