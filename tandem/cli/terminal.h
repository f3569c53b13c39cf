// What people see while a verb works. Results go to stdout, everything here to stderr.
#pragma once
#include <tandem/train/trainer.h>

#include <string>

namespace tandem::cli {

/// Whether stderr is a terminal that takes colour and bars (NO_COLOR turns colour off).
[[nodiscard]] bool is_terminal();
[[nodiscard]] bool has_colour();
/// Columns of the terminal behind stdout or stderr (STDOUT_FILENO, …); 0 where it is none.
[[nodiscard]] size_t columns_of(int file);

/// A line on stderr.
void say(const std::string& text);

/// "1:05", "2:03:20".
[[nodiscard]] std::string clock(double seconds);

/// A bar that is drawn over itself on a terminal, and plain lines elsewhere.
class TrainingDisplay {
 public:
  void step(const train::Progress& progress);
  void remark(const std::string& text);
  void epoch(const evaluate::EpochPoint& point, int64_t epochs, bool best);

 private:
  void clear_line();
  double last_drawn_ = 0;
  bool line_open_ = false;
  bool header_shown_ = false;
};

/// From now on Ctrl-C asks the work to stop instead of ending the program; a second one ends it.
void catch_interrupts();
[[nodiscard]] bool interrupted();

}  // namespace tandem::cli
