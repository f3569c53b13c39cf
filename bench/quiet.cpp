#include <bench/quiet.h>
#include <bench/timing.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace tandem::bench {
namespace {

constexpr double idle_share = 0.95;     // of all cores: quiet enough to begin
constexpr double waiting_share = 0.02;  // of the measured time: undisturbed

// What all cores have done since the system started, in seconds, from the first line of /proc/stat.
struct Cores {
  double idle = 0, all = 0, stolen = 0;
};
Cores cores() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft_irq = 0, stolen = 0;
  file >> cpu >> user >> nice >> system >> idle >> wait >> irq >> soft_irq >> stolen;
  const auto tick = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {(idle + wait) / tick, (user + nice + system + idle + wait + irq + soft_irq + stolen) / tick, stolen / tick};
}

// Seconds that the threads of a process have stood in line for a core: the second number of schedstat, nanoseconds.
double in_line(const std::string& process) {
  double sum = 0;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + process + "/task", error)) {
    std::ifstream file(thread.path() / "schedstat");
    double ran = 0, waited = 0;
    if (file >> ran >> waited) sum += waited * 1e-9;
  }
  return sum;
}

void wait_for_quiet() {
  using namespace std::chrono_literals;
  static double patience = 20;
  const Clock clock;
  for (;;) {
    const Cores before = cores();
    std::this_thread::sleep_for(100ms);  // also lets threads fall asleep that spin after their work
    const Cores after = cores();
    if (after.idle - before.idle >= idle_share * (after.all - before.all)) {
      patience = 20;
      return;
    }
    if (clock.seconds() > patience) break;
  }
  patience = std::max(0.2, patience / 2);
}

}  // namespace

bool when_quiet(const std::function<void()>& measure, int child, int attempts) {
  const std::string other = child > 0 ? fmt::format("{}", child) : "";
  const auto waited = [&] { return in_line("self") + (child > 0 ? in_line(other) : 0); };
  for (int attempt = 0; attempt < attempts; ++attempt) {
    wait_for_quiet();
    const double before = waited(), stolen = cores().stolen;
    const Clock clock;
    measure();
    const double steal = std::max(0.0, cores().stolen - stolen - 0.01);  // counted in hundredths
    const double lost = waited() - before + steal;
    if (lost <= waiting_share * clock.seconds()) return true;
  }
  return false;
}

}  // namespace tandem::bench
