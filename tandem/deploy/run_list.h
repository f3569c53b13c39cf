// The runs beside those in service: what there is, how each goes, its report. Any program may write them meanwhile.
// Answers are JSON.
#pragma once
#include <tandem/train/run.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tandem::deploy {

class RunList {
 public:
  /// The folders that runs lie in. Of two runs with one name the first folder's counts.
  explicit RunList(std::vector<fs::path> folders) : folders_(std::move(folders)) {}

  /// All runs, the latest first.
  [[nodiscard]] std::string list() const;
  /// report.html of a run. Throws Refused 404 when there is no such run or it has none.
  [[nodiscard]] std::string report(const std::string& name) const;
  /// The epochs of a run as server-sent events: each call gives what is new, "" when nothing is, and none at the end,
  /// when the run trains no more. Throws Refused 404 for an unknown run.
  [[nodiscard]] std::function<std::optional<std::string>()> follow(const std::string& name) const;

 private:
  [[nodiscard]] train::RunFolder find(const std::string& name) const;

  std::vector<fs::path> folders_;
};

}  // namespace tandem::deploy
