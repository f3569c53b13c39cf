#include <bench/quiet.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace tandem::bench {
namespace {

constexpr double quiet_share = 0.05;  // of all cores
int disturbed = 0;

double seconds_of(clockid_t clock) {
  timespec t{};
  return ::clock_gettime(clock, &t) == 0 ? static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec) : 0;
}

double cores() { return static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN)); }

// Seconds that all cores together have worked, time that a host took away included.
double all_work() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft_irq = 0, stolen = 0;
  file >> cpu >> user >> nice >> system >> idle >> wait >> irq >> soft_irq >> stolen;
  return (user + nice + system + irq + soft_irq + stolen) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

double Others::own() const {
  double sum = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  clockid_t clock{};
  if (child_ > 0 && ::clock_getcpuclockid(child_, &clock) == 0) sum += seconds_of(clock);
  return sum;
}

void Others::start() { wall_ = seconds_of(CLOCK_MONOTONIC), all_ = all_work(), own_ = own(); }

double Others::share() const {
  const double wall = seconds_of(CLOCK_MONOTONIC) - wall_;
  const double count_error = 0.02;  // the system counts in steps
  return std::max(0.0, all_work() - all_ - (own() - own_) - count_error) / (wall * cores());
}

bool when_quiet(const std::function<void()>& measure, int child, int attempts) {
  using namespace std::chrono_literals;
  static double patience = 60;  // seconds of waiting at one measurement; less once it was in vain
  Others others(child);
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const double limit = seconds_of(CLOCK_MONOTONIC) + patience;
    for (;;) {
      others.start();
      std::this_thread::sleep_for(100ms);  // also lets threads fall asleep that spin after their work
      if (others.share() <= quiet_share) break;
      if (seconds_of(CLOCK_MONOTONIC) > limit) {
        patience = std::max(1.0, patience / 2);
        break;
      }
    }
    others.start();
    measure();
    if (others.share() <= quiet_share) {
      patience = 60;
      return true;
    }
  }
  ++disturbed;
  return false;
}

int disturbed_measurements() { return disturbed; }

}  // namespace tandem::bench
