#include <bench/peer.h>
#include <bench/quiet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <tandem/base/error.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

extern char** environ;  // NOLINT: the name is the system's

namespace tandem::bench {
namespace {

std::string end_of(const fs::path& log) {
  std::error_code error;
  if (fs::file_size(log, error) == 0 || error) return "it said nothing";
  const std::string text = read_text(log);
  return text.substr(text.size() > 600 ? text.size() - 600 : 0);
}

}  // namespace

Peer::Peer(const fs::path& program, const std::vector<std::string>& arguments, double patience) : patience_(patience) {
  static int count = 0;
  log_ = scratch_folder() / fmt::format("peer-{}.log", ++count);
  ::signal(SIGPIPE, SIG_IGN);  // a peer that died is an error of ours to tell, not our end
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) fail(ErrorKind::file, "bench", "no pipe");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, to[0], 0);
  posix_spawn_file_actions_adddup2(&files, from[1], 1);
  posix_spawn_file_actions_addopen(&files, 2, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error = ::posix_spawn(&process_, program.c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  ::close(to[0]), ::close(from[1]);
  in_ = to[1], out_ = from[0];
  if (error != 0) fail(ErrorKind::file, program.string(), "cannot be started");
  try {
    ready_ = read_line();
  } catch (...) {
    stop();
    throw;
  }
}

void Peer::stop() {
  if (process_ < 0) return;
  ::close(in_), ::close(out_);  // the end of its input is its end
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

json Peer::ask(const std::string& command) {
  const std::string line = command + "\n";
  if (::write(in_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    fail(ErrorKind::file, "peer", "ended: {}", end_of(log_));
  return read_line();
}

json Peer::read_line() {
  const Clock clock;
  for (;;) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return json::parse(line);
    }
    pollfd waiting{out_, POLLIN, 0};
    if (::poll(&waiting, 1, 1000) < 0 || clock.seconds() > patience_)
      fail(ErrorKind::file, "peer", "did not answer within {} s", patience_);
    if (waiting.revents == 0) continue;
    char bytes[65536];
    const ssize_t got = ::read(out_, bytes, sizeof bytes);
    if (got <= 0) fail(ErrorKind::file, "peer", "ended: {}", end_of(log_));
    buffer_.append(bytes, static_cast<size_t>(got));
  }
}

fs::path peers_folder() { return fs::path(TANDEM_SOURCE_DIR) / "bench" / "peers"; }

fs::path scratch_folder() {
  static const fs::path folder = [] {
    const fs::path path = fs::path(TANDEM_BINARY_DIR) / "scratch";
    make_folder(path);
    return path;
  }();
  return folder;
}

std::optional<fs::path> python_with(const std::string& module) {
  const char* named = std::getenv("TANDEM_BENCH_PYTHON");
  const fs::path python = named ? fs::path(named) : fs::path(TANDEM_SOURCE_DIR) / ".venv" / "bin" / "python";
  if (!fs::exists(python)) return std::nullopt;
  try {
    const Peer probe(python, {"-c", "import " + module + ", safetensors; print('{}')"});
    return python;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string describe(const json& config) {
  std::string out;
  const std::string compile = config.value("compile", "");
  if (config.contains("compile"))
    out = compile.empty()       ? "eager, "
          : compile == "step"   ? "compiled with optimiser, "
          : compile == "frozen" ? "compiled with frozen weights, "
                                : "compiled, ";
  out += config["threads"] == 1 ? "1 thread" : fmt::format("{} threads", config["threads"].get<int>());
  if (config.value("channels_last", false)) out += ", channels last";
  if (config.value("packed", false)) out += ", packed sequences";
  return out;
}

Chosen best_peer(const std::string& script, const std::string& module, const fs::path& file,
                 const std::vector<json>& configs, const std::string& unit) {
  const auto python = python_with(module);
  Chosen best;
  double best_time = 1e30;
  if (!python) return best;
  for (const json& config : configs) {
    try {
      auto peer = std::make_unique<Peer>(
          *python, std::vector<std::string>{(peers_folder() / script).string(), file.string(), config.dump()});
      const auto seconds = [&](int64_t n) {
        return peer->ask(fmt::format("run {}", n))["seconds"].get<double>() / static_cast<double>(n);
      };
      // The best of many short runs: to choose by, other programs' work must not count.
      const int64_t n = steps_for(0.05, std::min(seconds(3), seconds(3)));
      double took = 1e30;
      when_quiet(
          [&] {
            for (int i = 0; i < 8; ++i) took = std::min(took, seconds(n));
          },
          peer->process(), 2);
      best.tried += fmt::format("{}{} {:.3f} {}", best.tried.empty() ? "" : "; ", describe(config), took * 1e3, unit);
      fmt::print(stderr, "  {}: {:.3f} {}\n", describe(config), took * 1e3, unit);
      if (took < best_time) best_time = took, best.config = config, best.peer = std::move(peer);
    } catch (const Error& e) {
      fmt::print(stderr, "  {} cannot run: {}\n", describe(config), e.what());
    }
  }
  return best;
}

std::string Pairs::remark() const {
  return disturbed ? fmt::format(" (other programs were at work in {} of {} pairs)", disturbed, count) : "";
}

Pairs interleave(int count, int peer, const std::function<double()>& ours, const std::function<double()>& theirs) {
  std::vector<double> a, b, ratio;
  int disturbed = 0;
  // Threads that still spin after their work would cost the other side: let them fall asleep.
  const auto settled = [](const std::function<double()>& side) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return side();
  };
  for (int i = 0; i < count; ++i) {
    double our_time = 0, their_time = 0;
    const bool quiet = when_quiet(
        [&] {
          if (i % 2 == 0) our_time = settled(ours);
          their_time = settled(theirs);
          if (i % 2 != 0) our_time = settled(ours);
        },
        peer);
    disturbed += quiet ? 0 : 1;
    a.push_back(our_time), b.push_back(their_time), ratio.push_back(their_time / our_time);
  }
  return {spread(a), spread(b), spread(ratio), count, disturbed};
}

}  // namespace tandem::bench
