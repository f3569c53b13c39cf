// A served network side by side with FastAPI and ONNX Runtime: requests a second on the cores that the load generator
// shares.
#include <bench/load.h>
#include <bench/peer.h>
#include <bench/report.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tandem/base/error.h>
#include <tandem/data/catalog.h>
#include <tandem/train/run.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <thread>

extern char** environ;  // NOLINT: the name is the system's

namespace tandem::bench {
namespace {

constexpr int connections = 16;
constexpr double tolerance = 1e-5;  // of a probability, between two ways to sum
constexpr const char* infer_path = "/v2/models/digits/infer";

uint16_t free_port() {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  (void)::bind(file, reinterpret_cast<sockaddr*>(&address), size);
  (void)::getsockname(file, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(file);
  return ntohs(address.sin_port);
}

// A server as a child process; `PORT` in its arguments is replaced.
class Child {
 public:
  explicit Child(std::vector<std::string> words) : port(free_port()), log_(scratch_folder() / "server.log") {
    for (std::string& word : words)
      if (word == "PORT") word = std::to_string(port);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int error = ::posix_spawn(&process_, argv[0], &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) fail(ErrorKind::file, words[0], "cannot be started");
  }
  ~Child() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Once it answers.
  void await(std::span<const std::string> requests, const Check& right) const {
    for (int i = 0;; ++i) {
      try {
        if (load({port, 1, 5, 1}, requests, right).answered == 1) return;
      } catch (const Error&) {  // it does not listen yet
      }
      if (i == 600) fail(ErrorKind::file, "server", "did not answer within a minute: {}", read_text(log_));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  [[nodiscard]] double resident_megabytes() const {
    std::ifstream file(fmt::format("/proc/{}/statm", process_));
    int64_t all = 0, resident = 0;
    file >> all >> resident;
    return static_cast<double>(resident * ::sysconf(_SC_PAGESIZE)) / 1e6;
  }

  const uint16_t port;

 private:
  fs::path log_;
  pid_t process_ = -1;
};

// One form of the requests, and what is right to answer.
struct Form {
  std::string name;
  double goal;
  std::vector<std::string> requests;
  Check right;
};

bool close_to(std::span<const float> given, std::span<const float> right) {
  for (size_t i = 0; i < right.size(); ++i)
    if (!(std::abs(static_cast<double>(given[i] - right[i])) <= tolerance)) return false;
  return given.size() == right.size();
}

std::vector<Form> forms_of(const data::Dataset& set, const std::vector<float>& right, size_t classes) {
  const auto expected = [right, classes](size_t i) {
    return std::span<const float>(right).subspan(i * classes, classes);
  };
  Form binary{"binary", 5000, {}, {}}, text{"JSON", 3000, {}, {}};
  const auto pixels = set.pixels().data<const uint8_t>();
  const size_t size = pixels.size() / static_cast<size_t>(set.size());
  for (size_t i = 0; i < static_cast<size_t>(set.size()); ++i) {
    const auto one = pixels.subspan(i * size, size);
    const std::string head = fmt::format(
        R"({{"inputs":[{{"name":"image","datatype":"UINT8","shape":[1,28,28,1],"parameters":{{"binary_data_size":{}}}}}],)"
        R"("outputs":[{{"name":"probabilities","parameters":{{"binary_data":true}}}}]}})",
        size);
    binary.requests.push_back(post(infer_path,
                                   fmt::format("Content-Type: application/octet-stream\r\n"
                                               "Inference-Header-Content-Length: {}\r\n",
                                               head.size()),
                                   head + std::string(one.begin(), one.end())));
    text.requests.push_back(
        post(infer_path, "Content-Type: application/json\r\n",
             fmt::format(R"({{"inputs":[{{"name":"image","datatype":"UINT8","shape":[1,28,28,1],"data":[{}]}}],)"
                         R"("outputs":[{{"name":"probabilities"}}]}})",
                         fmt::join(one, ","))));
  }
  binary.right = [expected](size_t i, std::string_view, std::string_view body) {
    const auto wanted = expected(i);
    std::vector<float> given(wanted.size());
    if (body.size() < wanted.size_bytes()) return false;
    std::memcpy(given.data(), body.data() + body.size() - wanted.size_bytes(), wanted.size_bytes());
    return close_to(given, wanted);
  };
  text.right = [expected](size_t i, std::string_view, std::string_view body) {
    constexpr std::string_view key = "\"data\":[";
    std::vector<float> given;
    size_t at = body.find(key);
    if (at == std::string_view::npos) return false;
    for (at += key.size(); at < body.size() && body[at - 1] != ']';) {
      float value = 0;
      const auto [end, error] = std::from_chars(body.data() + at, body.data() + body.size(), value);
      if (error != std::errc()) return false;
      given.push_back(value);
      at = static_cast<size_t>(end - body.data()) + 1;
    }
    return close_to(given, expected(i));
  };
  return {binary, text};
}

struct Side {
  std::vector<double> rates, tails;
  int64_t errors = 0;
  void add(const Load& l) {
    rates.push_back(l.rate()), tails.push_back(l.latencies.empty() ? 1 : quantile(l.latencies, 0.99));
    errors += l.refused + l.wrong + l.broken;
  }
};

std::vector<std::string> our_command(const fs::path& model) {
  return {TANDEM_PROGRAM, "serve", "digits=" + model.string(), "--port", "PORT"};
}

// The peer at its best: the quickest of several settings.
std::vector<std::string> peer_command(const fs::path& python, const fs::path& model, const Form& form, double seconds,
                                      std::string& tried) {
  std::vector<std::string> best;
  double best_rate = 0;
  for (const int workers : {1, 2})
    for (const int threads : {1, 2}) {
      const std::vector<std::string> command{python.string(), (peers_folder() / "serve_fastapi.py").string(),
                                             model.string(), "PORT",
                                             json{{"workers", workers}, {"threads", threads}}.dump()};
      const Child child(command);
      child.await(form.requests, form.right);
      (void)load({child.port, connections, seconds / 2}, form.requests, form.right);
      const double rate = load({child.port, connections, seconds}, form.requests, form.right).rate();
      tried += fmt::format("{}{} worker{}, {} thread{} {:.0f}/s", tried.empty() ? "" : "; ", workers,
                           workers > 1 ? "s" : "", threads, threads > 1 ? "s" : "", rate);
      if (rate > best_rate) best_rate = rate, best = command;
    }
  return best;
}

std::string soak(const Child& child, const std::vector<Form>& forms, double seconds) {
  const Clock clock;
  int64_t answered = 0, errors = 0;
  double after_first = 0;
  const double first = seconds / 10;
  for (size_t i = 0; clock.seconds() < seconds; ++i) {
    const Form& form = forms[i % forms.size()];
    const Load l = load({child.port, connections, std::min(5.0, first)}, form.requests, form.right);
    answered += l.answered, errors += l.refused + l.wrong + l.broken;
    if (after_first == 0 && clock.seconds() >= first) after_first = child.resident_megabytes();
  }
  const double end = child.resident_megabytes();
  return fmt::format(
      "Soak of {:.0f} s, both forms in turn: {} answers, {} errors; memory {:.1f} MB after the first tenth, {:.1f} MB "
      "at "
      "the end ({:+.2f} %).\n",
      seconds, answered, errors, after_first, end, 100 * (end / after_first - 1));
}

}  // namespace

std::string serving_section(const Options& options) {
  const train::Recipe recipe = train::Recipe::read(train::find_recipe("digits"));
  const data::Dataset set = data::load("builtin", {.train_examples = 256, .test_examples = 10}).train;
  tasks::Classifier model = train::make_model(recipe, set);
  const fs::path file = scratch_folder() / "serving.safetensors";
  model.save(file);
  const std::vector<Form> forms = forms_of(set, model.predict(set), model.classes.size());
  const double window = options.quick ? 0.5 : 3;
  const int pairs = options.quick ? 2 : 10;
  const auto python = python_with("fastapi, uvloop, onnxruntime");

  const Child ours(our_command(file));
  ours.await(forms[0].requests, forms[0].right);
  Table table{{"form", "Tandem", "p99", "goal", "FastAPI + ONNX Runtime", "p99", "ratio"}, {}};
  std::string notes;
  for (const Form& form : forms) {
    fmt::print(stderr, "serving, {}\n", form.name);
    std::string tried;
    std::unique_ptr<Child> peer;
    if (python) {
      peer = std::make_unique<Child>(peer_command(*python, file, form, window / 2, tried));
      peer->await(form.requests, form.right);
    }
    Side our_side, their_side;
    std::vector<double> ratios;
    for (const bool warm : {true, false})
      for (int i = 0; i < (warm ? 1 : pairs); ++i) {
        const Load a = load({ours.port, connections, window}, form.requests, form.right);
        if (!warm) our_side.add(a);
        if (!peer) continue;
        const Load b = load({peer->port, connections, window}, form.requests, form.right);
        if (!warm) their_side.add(b), ratios.push_back(a.rate() / b.rate());
      }
    const auto rate = [](const Side& side) {
      const Spread s = spread(side.rates);
      return fmt::format("{:.0f}/s ({:.0f} … {:.0f})", s.median, s.low, s.high);
    };
    const auto tail = [](const Side& side) { return time_text(spread(side.tails).median); };
    std::vector<std::string> row{
        form.name, rate(our_side), tail(our_side), fmt::format("{:.0f}/s", form.goal), "—", "—", "—"};
    if (peer) {
      const Spread r = spread(ratios);
      row[4] = rate(their_side), row[5] = tail(their_side);
      row[6] = fmt::format("**{:.1f}x** ({:.1f} … {:.1f})", r.median, r.low, r.high);
      notes += fmt::format("- {}: FastAPI tried with {}.\n", form.name, tried);
    }
    if (our_side.errors + their_side.errors > 0)
      notes += fmt::format("- {}: {} requests of ours and {} of the peer's failed or were answered wrongly.\n",
                           form.name, our_side.errors, their_side.errors);
    table.rows.push_back(row);
  }
  return fmt::format(
             "Requests with one picture each to the network of the recipe `digits`, from {} connections of a load "
             "generator that shares the processor with the server and compares every answer with `predict`'s; {} pairs "
             "of "
             "{} s in turn, median and extremes. FastAPI runs on uvicorn with uvloop and httptools, "
             "`bench/peers/serve_fastapi.py`.\n\n",
             connections, pairs, window) +
         table.markdown() + "\n" + soak(ours, forms, options.quick ? 4 : options.soak) +
         (notes.empty() ? "" : "\n" + notes);
}

}  // namespace tandem::bench
