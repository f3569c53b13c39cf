// Rows of tables that the command line names.
#pragma once
#include <tandem/data/dataset.h>
#include <tandem/tasks/classifier.h>

#include <string>
#include <vector>

namespace tandem::cli {

struct Rows {
  std::vector<std::string> names{};  // "patients.csv:17", the line
  data::Dataset set{};
};

/// The rows of CSV or TSV files, read as the model's training data was. What training has not seen is said.
[[nodiscard]] Rows read_rows(const tasks::Classifier& model, const std::vector<std::string>& files);

}  // namespace tandem::cli
