// The whole journey: from starting a process to a saved network that reads 99 % of the MNIST test digits.
#include <bench/peer.h>
#include <bench/quiet.h>
#include <bench/report.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tandem/base/error.h>
#include <unistd.h>

extern char** environ;  // NOLINT: the name is the system's

namespace tandem::bench {
namespace {

constexpr double wanted_accuracy = 0.99;
constexpr int epochs = 2;  // as in journey.yaml

// The system forgets what it keeps of these files, so that the next reading goes to the disk.
void forget(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    ::fsync(file), ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

struct Journey {
  double seconds = 0, megabytes = 0, accuracy = 0;
};

// Runs a program to its end; its standard output goes to `out`.
Journey run(const std::vector<std::string>& command, const fs::path& out) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int process = 0, status = 0;
  const Clock clock;
  if (::posix_spawn(&process, argv[0], &files, nullptr, argv.data(), environ) != 0)
    fail(ErrorKind::file, command[0], "cannot be started");
  posix_spawn_file_actions_destroy(&files);
  rusage use{};
  ::wait4(process, &status, 0, &use);
  Journey result{clock.seconds(), static_cast<double>(use.ru_maxrss) / 1024, 0};
  if (status != 0) fail(ErrorKind::file, command[0], "failed on the journey (status {})", status);
  return result;
}

}  // namespace

std::string journey_section(const Options& options) {
  const char* data = std::getenv("TANDEM_DATA");
  if (!data || !fs::exists(fs::path(data) / "mnist"))
    return "Not measured: TANDEM_DATA names no folder with `mnist` in it (`tandem data fetch mnist` gets it).\n";
  const auto python = options.quick ? std::nullopt : python_with("torch");
  const fs::path mnist = fs::path(data) / "mnist", folder = scratch_folder();
  const fs::path recipe = fs::path(TANDEM_SOURCE_DIR) / "bench" / "journey.yaml";
  Table table{
      {"seed", "Tandem", "accuracy", "peak memory", "PyTorch", "accuracy", "peak memory", "time ratio", "memory ratio"},
      {}};
  std::vector<double> time_ratio, memory_ratio;
  for (int seed = 1; seed <= (options.quick ? 1 : 5); ++seed) {
    fmt::print(stderr, "journey, seed {}\n", seed);
    Journey ours, theirs;
    when_quiet(
        [&] {
          forget(mnist);
          ours = run({TANDEM_PROGRAM, "train", recipe.string(), "--json", "--runs", (folder / "runs").string(),
                      fmt::format("seed={}", seed)},
                     folder / "ours.json");
        },
        0, 3);
    ours.accuracy = json::parse(read_text(folder / "ours.json"))["accuracy"];
    const auto memory = [](double megabytes) { return fmt::format("{:.0f} MB", megabytes); };
    std::vector<std::string> row{fmt::format("{}", seed), time_text(ours.seconds),
                                 fmt::format("{:.2f} %", ours.accuracy * 100), memory(ours.megabytes)};
    if (python) {
      when_quiet(
          [&] {
            forget(mnist);
            theirs = run({python->string(), (peers_folder() / "journey.py").string(), data,
                          (folder / "theirs.pt").string(), fmt::format("{}", seed), fmt::format("{}", epochs)},
                         folder / "theirs.txt");
          },
          0, 3);
      theirs.accuracy = std::stod(read_text(folder / "theirs.txt"));
      time_ratio.push_back(theirs.seconds / ours.seconds), memory_ratio.push_back(theirs.megabytes / ours.megabytes);
      row.insert(row.end(),
                 {time_text(theirs.seconds), fmt::format("{:.2f} %", theirs.accuracy * 100), memory(theirs.megabytes),
                  fmt::format("{:.2f}x", time_ratio.back()), fmt::format("{:.2f}x", memory_ratio.back())});
    } else {
      row.insert(row.end(), 5, "—");
    }
    for (const double accuracy : {ours.accuracy, python ? theirs.accuracy : 1.0})
      if (accuracy < wanted_accuracy) row[0] += " (below 99 %)";
    table.rows.push_back(row);
  }
  std::string text =
      "From starting the process to a saved network, MNIST read from disk (the system's copy in memory is dropped "
      "before), "
      "until the test digits are measured. Ours is `tandem train bench/journey.yaml`, which also writes checkpoints "
      "and "
      "the report page; PyTorch's is `bench/peers/journey.py`, the same network, rule and epochs.\n\n" +
      table.markdown() + "\n";
  if (!time_ratio.empty())
    text += fmt::format("Median: **{:.2f}x** the speed (goal 3x), **{:.2f}x** less memory (goal 4x).\n",
                        spread(time_ratio).median, spread(memory_ratio).median);
  return text;
}

}  // namespace tandem::bench
