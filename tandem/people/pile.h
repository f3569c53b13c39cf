// What lies there to be labelled, and where the answers go: pictures in a folder, texts or rows in a file.
#pragma once
#include <tandem/data/folder.h>
#include <tandem/data/table_source.h>
#include <tandem/data/text/texts.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tandem::people {

class Pile {
 public:
  virtual ~Pile() = default;
  [[nodiscard]] int64_t size() const { return std::ssize(names_); }
  [[nodiscard]] const std::string& name(int64_t i) const { return names_.at(static_cast<size_t>(i)); }
  [[nodiscard]] const data::Dataset& examples() const { return examples_; }  // its labels are all 0

  /// What was said of each: the class; "": looked at and left open; none: nothing yet.
  [[nodiscard]] virtual std::vector<std::optional<std::string>> answers() const = 0;
  /// When it returns, the answer is on the disk. What is left open ("") in a file of texts or rows is not written: it
  /// is asked again another time.
  virtual void answer(int64_t i, const std::string& label, const std::string& person) = 0;
  /// The last answer is to be asked again.
  virtual void take_back(int64_t i) = 0;
  /// The file of the answers.
  [[nodiscard]] virtual fs::path kept_in() const = 0;

 protected:
  std::vector<std::string> names_;
  data::Dataset examples_;
};

/// The pictures of a folder; answers go to its labels.csv, so that the folder is a data set.
[[nodiscard]] std::unique_ptr<Pile> pictures_in(const fs::path& folder, const data::ImageOptions& size);
/// The texts of a file, equal ones once; answers go beside it, to NAME.labels.csv with the columns text, label, person
/// and time, which is a data set of texts.
[[nodiscard]] std::unique_ptr<Pile> texts_in(const fs::path& file, const data::TextSource& source);
/// The rows of a file, equal ones once; answers go to NAME.labels.csv, which has the file's columns and the target, and
/// is a table to learn from; it does not say who answered. The target's column in the file itself is not looked at.
[[nodiscard]] std::unique_ptr<Pile> rows_in(const fs::path& file, const data::TableSource& source,
                                            const data::TableOptions& reading);

}  // namespace tandem::people
