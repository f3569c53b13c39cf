// Programs of others to compare with: each runs as a child process that sleeps on its standard input between commands.
#pragma once
#include <bench/timing.h>
#include <tandem/base/files.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace tandem::bench {

using nlohmann::json;

/// One child. Talks in lines: a command in, a JSON object out (see peers/protocol.py).
class Peer {
 public:
  /// Starts `program arguments…` and waits for its first line. Throws, with the end of its error output, when it dies
  /// or does not answer within `patience` seconds.
  Peer(const fs::path& program, const std::vector<std::string>& arguments, double patience = 600);
  ~Peer() { stop(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// What it said when it was ready.
  [[nodiscard]] const json& ready() const { return ready_; }
  json ask(const std::string& command);
  [[nodiscard]] int process() const { return process_; }

 private:
  json read_line();
  void stop();

  int process_ = -1, in_ = -1, out_ = -1;
  double patience_;
  std::string buffer_;
  fs::path log_;
  json ready_;
};

/// The Python that has `module` ("torch"): $TANDEM_BENCH_PYTHON or .venv/bin/python; none when there is no such.
[[nodiscard]] std::optional<fs::path> python_with(const std::string& module);
/// The folder of the peers' programs, and one for files in passing.
[[nodiscard]] fs::path peers_folder();
[[nodiscard]] fs::path scratch_folder();

/// Starts peers/SCRIPT with FILE under each configuration, asks how long `command` takes, and keeps the quickest. A
/// configuration that cannot run is named on standard error and left out.
struct Chosen {
  std::unique_ptr<Peer> peer;
  json config;
  std::string tried;  // "eager 1 thread 3.1 ms, …" for the notes
};
[[nodiscard]] Chosen best_peer(const std::string& script, const std::string& module, const fs::path& file,
                               const std::vector<json>& configs, const std::string& unit);
/// "compiled, 2 threads, channels last".
[[nodiscard]] std::string describe(const json& config);

/// Our side and that of process `peer` in turn, each call giving seconds a step; the side that starts changes every
/// pair. A pair is measured again when other programs were at work; `disturbed` counts those that stand all the same.
struct Pairs {
  Spread ours, theirs, ratio;  // ratio: theirs / ours, pair by pair
  int count = 0, disturbed = 0;
  [[nodiscard]] std::string remark() const;  // says when other programs were at work
};
[[nodiscard]] Pairs interleave(int count, int peer, const std::function<double()>& ours,
                               const std::function<double()>& theirs);

/// Calls of a step for a measurement of about `seconds`, given what one takes.
[[nodiscard]] inline int64_t steps_for(double seconds, double one) {
  return std::clamp<int64_t>(static_cast<int64_t>(seconds / one), 1, 200'000);
}

}  // namespace tandem::bench
