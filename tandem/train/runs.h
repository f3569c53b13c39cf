// The runs of a folder: what there is and how each goes. Any program may write them meanwhile.
#pragma once
#include <tandem/base/config.h>
#include <tandem/train/run_folder.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace tandem::train {

/// What a list says of a run; NaN and 0 where it is not known yet.
struct RunSummary {
  RunFolder folder;
  std::string name, state;                  // training, finished, stopped
  std::filesystem::file_time_type changed;  // the latest of its files
  int64_t epochs = 0, planned = 0;
  double accuracy = std::numeric_limits<double>::quiet_NaN();    // of the report
  double validation = std::numeric_limits<double>::quiet_NaN();  // the best of all epochs
  int64_t parameters = 0;
  bool report = false;
};

/// What cannot be read, or is damaged, is as if it were not there.
[[nodiscard]] RunSummary summary(const RunFolder& run);
[[nodiscard]] std::vector<evaluate::EpochPoint> epochs_of(const RunFolder& run);
/// All runs in the folders, the latest first. Of two with one name the first folder's counts.
[[nodiscard]] std::vector<RunSummary> list_runs(const std::vector<fs::path>& folders);
/// "2026-01-31T14:05:00Z".
[[nodiscard]] std::string utc(std::filesystem::file_time_type time);

/// The keys of a recipe with their values as they stand: optimizer.lr, network.1.linear.units, …
[[nodiscard]] std::vector<std::pair<std::string, std::string>> flat(const Config& recipe);

}  // namespace tandem::train
