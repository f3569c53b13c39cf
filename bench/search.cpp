// Searching: how soon each sampler gets where random search ends, beside Optuna at the same number of trials.
#include <bench/peer.h>
#include <bench/report.h>
#include <bench/timing.h>
#include <tandem/base/error.h>
#include <tandem/improve/sampler.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tests/improve/functions.h>

namespace tandem::bench {
namespace {

using namespace tandem::testing;
using improve::Sampler;
using improve::Scored;

constexpr int64_t trials = 120;

struct Function {
  const char* name;
  Space space;
  double (*value)(const Point&);
};

std::vector<Function> functions() {
  return {{"Branin, 2 numbers", branin_space(), branin},
          {"Hartmann, 6 numbers", box(6, 0, 1), hartmann6},
          {"Rosenbrock, 4 numbers", box(4, -2, 2), rosenbrock}};
}

// The best value after each trial.
std::vector<double> search(const Sampler& sampler, const Function& f, uint64_t seed) {
  std::vector<Scored> history;
  std::vector<double> best;
  for (int64_t i = 0; i < trials; ++i) {
    const Point x = sampler.next(f.space, history, Rng(seed, "bench").split(static_cast<uint64_t>(i)));
    history.push_back({x, f.value(x)});
    best.push_back(best.empty() ? history.back().score : std::min(best.back(), history.back().score));
  }
  return best;
}

double median(std::vector<double> v) {
  std::ranges::sort(v);
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

// Over the seeds, the median of the best value after so many trials.
double after(const std::vector<std::vector<double>>& runs, int64_t n) {
  std::vector<double> values;
  for (const auto& run : runs) values.push_back(run[static_cast<size_t>(n - 1)]);
  return median(values);
}

}  // namespace

namespace {

struct Found {
  double best = 0;
  int64_t epochs = 0;
};

// `tandem tune` on a part of MNIST: the feed-forward network of recipes/digits-tuned.yaml, trained for up to 9 epochs.
Found tune(uint64_t seed, const std::vector<std::string>& more) {
  const fs::path folder = scratch_folder();
  std::string command = fmt::format(
      "'{}' tune '{}/recipes/digits-tuned.yaml' data.train=6000 data.test=100 data.validation=0.3 train.epochs=9 "
      "search.halving.first=1 search.objectives=loss --seed {} --json --searches '{}'",
      TANDEM_PROGRAM, TANDEM_SOURCE_DIR, seed, (folder / "searches").string());
  for (const std::string& word : more) command += " " + word;
  const fs::path out = folder / "tune.json";
  if (std::system(fmt::format("{} > '{}' 2>/dev/null", command, out.string()).c_str()) != 0)
    fail(ErrorKind::file, "tandem tune", "failed: {}", command);
  const json j = json::parse(read_text(out));
  Found found{0, j["epochs"]};
  for (const json& trial : j["trials"])
    if (trial["trial"] == j["best"]) found.best = trial["values"]["loss"];
  return found;
}

std::string digits_rows(bool quick) {
  const char* data = std::getenv("TANDEM_DATA");
  if (quick || !data || !fs::exists(fs::path(data) / "mnist")) return "";
  Table table{{"seed", "random, 24 trials", "epochs", "TPE and halving, 28 trials", "epochs"}, {}};
  std::vector<double> random, tuned, share;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    fmt::print(stderr, "digits, seed {}\n", seed);
    const Found a = tune(seed, {"search.sampler=random", "search.halving.factor=1", "--trials", "24"});
    const Found b = tune(seed, {"--trials", "28"});
    random.push_back(a.best), tuned.push_back(b.best);
    share.push_back(static_cast<double>(b.epochs) / static_cast<double>(a.epochs));
    table.rows.push_back({fmt::format("{}", seed), fmt::format("{:.4f}", a.best), fmt::format("{}", a.epochs),
                          fmt::format("{:.4f}", b.best), fmt::format("{}", b.epochs)});
  }
  return fmt::format(
      "\nThe feed-forward network on 4,200 MNIST digits (validation loss on 1,800 others after at most 9 epochs; lower is "
      "better):\n\n{}\nMedian: {:.4f} by random search, {:.4f} by TPE and halving with {:.0f} % of the epochs.\n",
      table.markdown(), median(random), median(tuned), 100 * median(share));
}

}  // namespace

std::string search_section(const Options& options) {
  const uint64_t seeds = options.quick ? 3 : 20;
  const auto python = options.quick ? std::nullopt : python_with("optuna");
  std::unique_ptr<Peer> optuna;
  if (python) optuna = std::make_unique<Peer>(*python, std::vector<std::string>{(peers_folder() / "search.py").string()});
  Table table{{"function", "random, 120", "TPE, 40", "TPE, 120", "CMA-ES, 120", "Optuna TPE, 40", "Optuna TPE, 120",
               "Optuna CMA-ES, 120"},
              {}};
  const auto shown = [](double v) { return fmt::format("{:.4g}", v); };
  for (const Function& f : functions()) {
    std::vector<std::vector<double>> random, tpe, cma, their_tpe, their_cma;
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      random.push_back(search(improve::RandomSampler(), f, seed));
      tpe.push_back(search(improve::TpeSampler(), f, seed));
      cma.push_back(search(improve::CmaSampler(), f, seed));
      if (!optuna) continue;
      const std::string name = std::string(f.name).substr(0, std::string(f.name).find(','));
      their_tpe.push_back(optuna->ask(fmt::format("tpe {} {} {}", name, seed, trials))["best"]);
      their_cma.push_back(optuna->ask(fmt::format("cma {} {} {}", name, seed, trials))["best"]);
    }
    std::vector<std::string> row{f.name, shown(after(random, 120)), shown(after(tpe, 40)), shown(after(tpe, 120)),
                                 shown(after(cma, 120))};
    if (optuna)
      row.insert(row.end(),
                 {shown(after(their_tpe, 40)), shown(after(their_tpe, 120)), shown(after(their_cma, 120))});
    else
      row.insert(row.end(), 3, "—");
    table.rows.push_back(row);
  }
  return fmt::format(
      "Least value found, the median of {} seeds; smaller is better. {}\n\n{}", seeds,
      optuna ? fmt::format("Optuna {}: its TPESampler(multivariate=True) and CmaEsSampler.",
                           optuna->ready()["optuna"].get<std::string>())
             : "Optuna was not there (pip install optuna cmaes).",
      table.markdown()) +
         digits_rows(options.quick);
}

}  // namespace tandem::bench
