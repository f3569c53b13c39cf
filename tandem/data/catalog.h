// Data sets by name or path.
#pragma once
#include <tandem/base/files.h>
#include <tandem/data/dataset.h>
#include <tandem/data/folder.h>
#include <tandem/data/table_source.h>
#include <tandem/data/text/texts.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::data {

struct LoadOptions {
  fs::path data_folder{};      // where named data sets lie; "" means data_folder("")
  uint64_t seed = 1;           // of the built-in digits, of test_share, and of the choice when a limit is set
  int64_t train_examples = 0;  // 0: all (builtin: 20,000); otherwise that many, each class giving its share
  int64_t test_examples = 0;   // 0: all (builtin: 5,000)
  double test_share = 0;       // of the training part, before any limit, when there is no test part of its own
  ImageOptions image{};
  std::optional<TextSource> text{};    // a path holds texts, and this says where in its files
  std::vector<std::string> classes{};  // only these, in this order; empty: all
};

/// Loads a data set: a name of catalog(), or a path. That of a folder with one folder a class, of a folder with IDX
/// files, or of an archive (tar, tar.gz, zip) holds images; with options.text, what load_texts() takes. Throws a usage
/// error with the nearest name for an unknown source and a file error that says where it looked, and how to get it, for
/// a missing data set.
[[nodiscard]] Splits load(const std::string& source, const LoadOptions& options = {});

/// A table: a name of catalog() whose columns and classes are known, or a path as data/table_source.h takes it. Limits
/// and classes of `options` hold.
[[nodiscard]] Splits load_table(const std::string& source, const TableSource& table, const LoadOptions& options);
/// How a table is read: `given`, and where it says nothing, what is known of a named one.
[[nodiscard]] TableSource table_source(const std::string& source, const TableSource& given);
/// Whether `source` is a named table, or a path that ends as one: .csv, .tsv, .data, packed or not.
[[nodiscard]] bool is_table(const std::string& source);

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
  bool table = false;
};
[[nodiscard]] const std::vector<CatalogEntry>& catalog();

/// Whether the files of an entry lie in `data_folder`.
[[nodiscard]] bool is_present(const CatalogEntry& entry, const fs::path& data_folder);

}  // namespace tandem::data
