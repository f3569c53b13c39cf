#include <bench/profile.h>
#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <tandem/base/error.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tandem::bench {
namespace {

constexpr int depth = 48, most_samples = 20'000;
constexpr int own_frames = 2;  // the handler's, and the system's way back from it

struct Sample {
  std::array<void*, depth> frames;
  int count = 0;
};

std::vector<Sample> samples;  // as many as there may be, made before the clock runs: a handler must not allocate
std::atomic<size_t> taken = 0;

void take_sample(int) {
  const size_t at = taken.load(std::memory_order_relaxed);
  if (at >= samples.size()) return;
  samples[at].count = ::backtrace(samples[at].frames.data(), depth);
  taken.store(at + 1, std::memory_order_relaxed);
}

// A timer of wall time that interrupts this thread and no other.
class Sampler {
 public:
  Sampler() {
    samples.resize(most_samples);
    taken = 0;
    void* warm[4];
    (void)::backtrace(warm, 4);  // loads what it needs, which a handler could not
    struct sigaction action = {};
    action.sa_handler = take_sample;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGPROF, &action, &before_);
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event._sigev_un._tid = ::gettid();
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
      fail(ErrorKind::internal, "bench", "the system gives no timer to sample with");
    const itimerspec every = {{0, 1'000'000}, {0, 1'000'000}};
    ::timer_settime(timer_, 0, &every, nullptr);
  }
  ~Sampler() {
    ::timer_delete(timer_);
    ::sigaction(SIGPROF, &before_, nullptr);
  }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

 private:
  timer_t timer_ = {};
  struct sigaction before_ = {};
};

// "tandem::kernels::group_norm<float>(…)" -> "group_norm"; empty when it is no kernel.
std::string kernel_name(const char* mangled) {
  constexpr std::string_view home = "tandem::kernels::";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                         &std::free);
  if (!text) return {};
  std::string_view name = text.get();
  name = name.substr(0, name.find('('));
  const size_t at = name.find(home);
  if (at == std::string_view::npos) return {};
  name.remove_prefix(at + home.size());
  return std::string(name.substr(0, name.find('<')));
}

// What a stack is at work for: the outermost kernel in it, else oneDNN. Code that belongs to no file is what oneDNN
// generated; nothing above it can be found.
std::string owner(const Sample& s) {
  std::string found;
  for (int i = own_frames; i < s.count; ++i) {
    Dl_info info = {};
    if (::dladdr(s.frames[static_cast<size_t>(i)], &info) == 0) {
      if (i == own_frames) found = "oneDNN";
      continue;
    }
    if (info.dli_fname && std::strstr(info.dli_fname, "dnnl") && found.empty()) found = "oneDNN";
    if (!info.dli_sname) continue;
    if (const std::string name = kernel_name(info.dli_sname); !name.empty()) found = name;
  }
  return found;
}

// The instruction that a thread waits with stands at the place of the sample or right before it.
bool waits(const Sample& s) {
  if (s.count <= own_frames) return false;
  const auto* at = static_cast<const unsigned char*>(s.frames[own_frames]);
  Dl_info info = {};
  if (::dladdr(at, &info) == 0) return false;
  if (info.dli_sname && std::strstr(info.dli_sname, "sched_yield")) return true;
  const auto pause = [](const unsigned char* p) { return p[0] == 0xf3 && p[1] == 0x90; };
  return pause(at) || pause(at - 2);
}

}  // namespace

Profile profile(const std::function<void()>& work) {
  {
    const Sampler sampler;
    work();
  }
  Profile out;
  out.samples = static_cast<int64_t>(taken);
  if (out.samples == 0) return out;
  const double one = 1.0 / static_cast<double>(out.samples);
  for (size_t i = 0; i < taken; ++i) {
    const std::string name = owner(samples[i]);
    out.by_name[name.empty() ? "other" : name] += one;
    if (name.empty()) continue;
    out.kernels += one;
    if (waits(samples[i])) out.waiting += one;
  }
  return out;
}

}  // namespace tandem::bench
