// Labels of the pictures in a folder, in a text file beside them that people can read and mend: labels.csv.
#pragma once
#include <tandem/base/files.h>

#include <string>
#include <vector>

namespace tandem::data {

inline constexpr const char* labels_file = "labels.csv";  // with the heading file,label,person,time

struct Label {
  std::string file;    // as it is called below the folder
  std::string label;   // "": looked at and left open
  std::string person;  // who says so
  std::string time;    // UTC
};

/// The last word on each file, in the order in which they were first named; none when there is no labels.csv. A last
/// line that a crash cut short is left out. Throws a data error with the line where it is no table of that form.
[[nodiscard]] std::vector<Label> read_labels(const fs::path& folder);

/// Adds a line; when it returns, the line is on the disk.
void append_label(const fs::path& folder, const Label& label);

}  // namespace tandem::data
