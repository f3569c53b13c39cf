// What people see while a search runs: the best trials, drawn over themselves on a terminal; a line a trial elsewhere.
#pragma once
#include <tandem/improve/search.h>

#include <map>
#include <string>
#include <vector>

namespace tandem::cli {

/// The best trials as a table, `rows` at most, one line each; parameters that do not fit into `columns` (0: any width)
/// are left out, and the lines say so.
[[nodiscard]] std::vector<std::string> leaderboard(const improve::Search& search,
                                                   const std::vector<improve::Trial>& trials, size_t rows,
                                                   size_t columns);

class SearchDisplay {
 public:
  explicit SearchDisplay(const improve::Search& search);
  void step(const improve::Trial& trial, const train::Progress& progress);
  void changed(const std::vector<improve::Trial>& trials);
  /// Leaves the last table where it stands.
  void close();

 private:
  void draw();

  const improve::Search& search_;
  std::vector<improve::Trial> trials_;
  std::map<int64_t, std::pair<improve::State, int64_t>> said_;  // state and epochs of the trials told of
  std::string running_;
  double started_ = 0, drawn_ = 0;
  size_t lines_ = 0;
};

}  // namespace tandem::cli
