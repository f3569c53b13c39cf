#include <sys/ioctl.h>
#include <tandem/cli/terminal.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace tandem::cli {
namespace {

volatile std::sig_atomic_t interrupts = 0;

void on_interrupt(int signal) {
  interrupts = interrupts + 1;
  if (interrupts > 1) {  // the second time at once, as if nobody had caught it
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

/// A variable of the environment; "" when it is not set.
std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string paint(const char* code, const std::string& text) {
  return has_colour() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string figure(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-"; }
std::string share(double value) { return std::isfinite(value) ? fmt::format("{:.2f} %", 100 * value) : "-"; }

}  // namespace

bool is_terminal() {
  static const bool terminal = isatty(STDERR_FILENO) != 0 && !variable("TERM").empty() && variable("TERM") != "dumb";
  return terminal;
}

bool has_colour() {
  static const bool colour = is_terminal() && variable("NO_COLOR").empty();
  return colour;
}

size_t columns_of(int file) {
  winsize size{};
  if (isatty(file) == 0) return 0;
  return ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 40 ? size.ws_col : 80;
}

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

std::string clock(double seconds) {
  const auto s = std::llround(std::max(0.0, seconds));
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

void TrainingDisplay::clear_line() {
  if (line_open_) std::fprintf(stderr, "\r\x1b[K");
  line_open_ = false;
}

void TrainingDisplay::step(const train::Progress& p) {
  if (!is_terminal() || now() - last_drawn_ < 0.1) return;
  last_drawn_ = now();
  constexpr int width = 24;
  const double done = static_cast<double>(p.step) / static_cast<double>(p.steps);
  const int full = static_cast<int>(done * width);
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < full ? "█" : "░";
  std::fprintf(stderr, "\r\x1b[K%s",
               fmt::format("{:>4}/{} {} loss {:.4f}  {:.0f} examples/s  {} left{}", p.epoch, p.epochs, paint("36", bar),
                           p.loss, p.examples_per_second, clock(p.seconds_left),
                           p.waited > 0 ? fmt::format("  {} without progress", p.waited) : "")
                   .c_str());
  std::fflush(stderr);
  line_open_ = true;
}

void TrainingDisplay::remark(const std::string& text) {
  clear_line();
  say(text);
}

void TrainingDisplay::epoch(const evaluate::EpochPoint& p, int64_t epochs, bool best) {
  clear_line();
  if (!header_shown_) say(paint("2", "   epoch   train loss    accuracy   validation    accuracy        rate    time"));
  header_shown_ = true;
  const std::string count = fmt::format("{}/{}", p.epoch, epochs);
  say(fmt::format("{:>8}   {:>10}  {:>10}   {:>10}  {:>10}   {:>9.3g}  {:>6}{}", count, figure(p.train_loss),
                  share(p.train_accuracy), figure(p.validation_loss), share(p.validation_accuracy), p.learning_rate,
                  clock(p.seconds), best ? paint("32", "  best") : ""));
}

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

bool interrupted() { return interrupts > 0; }

}  // namespace tandem::cli
