// Texts with labels, from files of one's own.
#pragma once
#include <tandem/base/config.h>
#include <tandem/base/files.h>
#include <tandem/data/dataset.h>
#include <tandem/data/formats/lines.h>

#include <string>
#include <vector>

namespace tandem::data {

/// Where in a file texts and labels stand.
struct TextSource {
  std::string column;              // of the texts; "": `text`, or of two columns the longer one
  std::string label;               // column of the labels; "": `label`, or the other one
  std::string encoding = "utf-8";  // utf-8 or windows-1252
  void fields(Fields& f);
};

/// A path as data: a .csv, .tsv or .jsonl file (gzip too: .csv.gz); a folder with such files for its parts (train.csv,
/// test.csv, validation.csv or val.csv); or a folder with a text file a class, pos.txt, in which each line is an example,
/// or with a folder a class that holds such files, where train/, validation/ and test/ may stand above. Classes are those
/// of the training part, sorted by name, by number when all are numbers. Throws a data error with file and line at an
/// empty text or label, and at a label that the training part does not have.
[[nodiscard]] Splits load_texts(const fs::path& path, const TextSource& source = {});

/// Whether a path is one that load_texts takes by its name.
[[nodiscard]] bool is_text_file(const fs::path& path);

/// Only the texts of such a file, or the lines of any other, for asking about them. Empty ones are kept.
[[nodiscard]] std::vector<std::string> read_texts(const fs::path& path, const TextSource& source = {});

}  // namespace tandem::data
