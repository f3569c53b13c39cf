// How time and memory grow with batch, width, depth and input; and what the data path takes of a step.
#include <bench/growth.h>
#include <bench/peer.h>
#include <bench/profile.h>
#include <bench/quiet.h>
#include <bench/report.h>
#include <bench/workloads.h>
#include <sys/resource.h>
#include <tandem/autograd/tape.h>
#include <tandem/base/memory.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/embedding.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/sequence.h>
#include <tandem/nn/transformer.h>
#include <tandem/train/trainer.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

namespace tandem::bench {
namespace {

struct Axis {
  std::string name, about;
  std::vector<int64_t> sizes;
};

const std::vector<Axis>& axes() {
  static const std::vector<Axis> all{{"batch", "784-512-512-10, examples in a batch", {32, 64, 128, 256, 512, 1024}},
                                     {"width", "784-n-n-10, batch 128", {64, 128, 256, 512, 1024, 2048}},
                                     {"depth", "hidden layers of 256, batch 128", {2, 4, 8, 16, 32}},
                                     {"input", "two convolutions of 32 on n x n pixels, batch 32", {16, 32, 64, 128}}};
  return all;
}

Workload grown(const std::string& axis, int64_t n) {
  Workload w = workload(axis == "input" ? "cnn" : "mlp");
  if (axis == "batch") w.batch = n;
  if (axis == "width") w.net = nn::Sequential{nn::Linear{n}, nn::ReLU{}, nn::Linear{n}, nn::ReLU{}, nn::Linear{10}};
  if (axis == "depth") {
    w.net = {};
    for (int64_t i = 0; i < n; ++i)
      w.net.add(std::make_unique<nn::Linear>(256)), w.net.add(std::make_unique<nn::ReLU>());
    w.net.add(std::make_unique<nn::Linear>(10));
  }
  if (axis == "context") {  // of attention: see generation.cpp
    w = workload("gpt");
    nn::Positions positions;
    positions.most = n;
    w.net = nn::Sequential{nn::Embedding{128}, positions, nn::Transformer{2, 4, true}, nn::Linear{96}};
    w.batch = 1, w.length = n, w.shortest = n;
  }
  if (axis == "input") {
    w.batch = 32, w.input = {n, n, 3};
    w.net = nn::Sequential{nn::Conv2d{32, 3, nn::Conv2d::same},
                           nn::ReLU{},
                           nn::Conv2d{32, 3, nn::Conv2d::same},
                           nn::ReLU{},
                           nn::GlobalAvgPool{},
                           nn::Linear{10}};
  }
  return w;
}

// Which kernels' time grew most beyond the arithmetic, which grew `by` times; times in seconds a step.
using Parts = std::map<std::string, double>;
std::string reason(const Parts& before, const Parts& after, double by) {
  std::vector<std::pair<double, std::string>> beyond;
  double sum = 0;
  for (const auto& [name, seconds] : after) {
    const double excess = seconds - by * (before.contains(name) ? before.at(name) : 0);
    sum += excess;
    beyond.emplace_back(excess, name);
  }
  std::ranges::sort(beyond, std::greater<>());
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(3, beyond.size()); ++i) {
    const auto& [excess, name] = beyond[i];
    if (excess < 0.1 * sum) break;
    const double was = before.contains(name) ? before.at(name) : 0;
    text += fmt::format("{}`{}` {} to {}", i ? ", " : "", name, time_text(was), time_text(after.at(name)));
  }
  return text;
}

std::string growth_tables(const Options& options) {
  std::string text, reasons;
  std::vector<Curve> times, memories;
  for (const Axis& axis : axes()) {
    Table table{{axis.name, "time of a step", "memory of a step", "arithmetic grows", "time grows", "memory grows", ""},
                {}};
    Curve time{axis.name, {}, {}}, memory{axis.name, {}, {}};
    double before_flops = 0, before_time = 0, before_memory = 0;
    Parts before_parts;
    for (const int64_t n : axis.sizes) {
      if (options.quick && n > axis.sizes[2]) break;
      fmt::print(stderr, "growth {} {}\n", axis.name, n);
      // A process of its own: its peak of memory is that of this size alone.
      json measured;
      when_quiet(
          [&] {
            measured = Peer("/proc/self/exe", {"--grown", axis.name, fmt::format("{}", n)}).ready();
          },
          0, 3);
      const double seconds = measured["seconds"], flops = measured["flops"], bytes = measured["bytes"];
      const Parts parts = measured["parts"];
      std::vector<std::string> row{fmt::format("{}", n), time_text(seconds), fmt::format("{:.1f} MB", bytes / 1e6)};
      if (before_time > 0) {
        const double by = flops / before_flops, time_by = seconds / before_time, memory_by = bytes / before_memory;
        const bool slow = time_by > 1.1 * by, large = memory_by > 1.1 * by;
        for (const double factor : {by, time_by, memory_by}) row.push_back(fmt::format("{:.2f}x", factor));
        if (slow)
          reasons += fmt::format(
              "- {} {}, {:.2f}x the time for {:.2f}x the arithmetic: {}; the step's memory grew from "
              "{:.1f} to {:.1f} MB.\n",
              axis.name, n, time_by, by, reason(before_parts, parts, by), before_memory / 1e6, bytes / 1e6);
        row.push_back(slow && large ? "**time, memory**" : slow ? "**time**" : large ? "**memory**" : "");
      } else {
        row.insert(row.end(), {"", "", "", ""});
      }
      table.rows.push_back(row);
      before_flops = flops, before_time = seconds, before_memory = bytes, before_parts = parts;
      const double x = static_cast<double>(n) / static_cast<double>(axis.sizes.front());
      time.x.push_back(x), time.y.push_back(seconds * 1e3), memory.x.push_back(x), memory.y.push_back(bytes / 1e6);
    }
    times.push_back(time), memories.push_back(memory);
    text += fmt::format("{} ({}):\n\n{}\n", axis.name, axis.about, table.markdown());
  }
  if (!reasons.empty())
    text += fmt::format(
        "Where time grew by over 10 % more than the arithmetic, the kernels that took most of what is beyond it (a "
        "sample of the stack each millisecond). They are those that pass over memory once and multiply little: they "
        "run "
        "at the speed of the cache that their arrays fit in (of this machine {:.0f} MB a core, then {:.0f} MB in all), "
        "then at that of memory.\n\n{}\n",
        static_cast<double>(::sysconf(_SC_LEVEL2_CACHE_SIZE)) / 1e6,
        static_cast<double>(::sysconf(_SC_LEVEL3_CACHE_SIZE)) / 1e6, reasons);
  if (!options.pictures.empty()) {
    write_text(options.pictures / "growth-time.svg",
               plot("Time of a training step", "times the smallest", "ms", times));
    write_text(options.pictures / "growth-memory.svg",
               plot("Memory of a training step", "times the smallest", "MB", memories));
    text += "![time of a step](pictures/growth-time.svg)\n\n![memory of a step](pictures/growth-memory.svg)\n\n";
  }
  return text;
}

data::Dataset pictures(int64_t n) {
  data::Dataset set;
  set.inputs = Tensor::empty({n, 28, 28, 1}, DType::u8);
  Rng rng(1, "pixels");
  for (uint8_t& v : set.pixels().data<uint8_t>()) v = static_cast<uint8_t>(rng.bits());
  for (int64_t i = 0; i < n; ++i) set.labels.push_back(static_cast<int32_t>(i % 10));
  for (int c = 0; c < 10; ++c) set.classes.push_back(std::to_string(c));
  return set;
}

// Seconds a step when the trainer shuffles, gathers, normalises and changes pictures for itself.
double trainer_step(const data::Dataset& set, const data::Augment& augment) {
  train::Recipe recipe;
  const Workload w = workload("cnn");
  recipe.network = w.net;
  recipe.optimizer = w.optimizer;
  recipe.data.augment.image = augment;
  recipe.train.epochs = 1, recipe.train.batch = w.batch;
  tasks::Classifier model;
  model.net = w.net, model.classes = set.classes, model.input = tasks::fit_input(set);
  model.build(Rng(1, "weights"));
  train::Trainer trainer(recipe, model, set, {});
  std::vector<double> times;
  Clock clock;
  train::Hooks hooks;
  hooks.step = [&](const train::Progress&) { times.push_back(clock.seconds()), clock = {}; };
  trainer.run(hooks);
  return spread(times).median;
}

std::string data_path(const Options& options) {
  const data::Dataset set = pictures(options.quick ? 2560 : 12800);
  const tasks::ImageInput input = tasks::fit_input(set);
  const std::vector<int64_t> order = Rng(1, "order").permutation(set.size());
  Training training(workload("cnn"));
  double bare = 0;
  (void)training.run(5);
  when_quiet([&] { bare = training.run(40).seconds / 40; });
  Table table{{"pictures of `cnn`", "batch made alone", "bare step", "step of the trainer", "share of the data path"},
              {}};
  const std::vector<std::pair<std::string, data::Augment>> rows{
      {"gather, normalise", {}}, {"and shift, rotate, scale", {.shift = 2, .rotate = 10, .scale = 0.1}}};
  for (const auto& [name, augment] : rows) {
    double alone = 0, whole = 0;
    size_t at = 0;
    when_quiet([&] {
      alone = seconds_per_call([&] {
        (void)tasks::make_batch(input, set, std::span(order).subspan(at, 128), augment, Rng(1, "augment"));
        at = (at + 128) % (order.size() - 128);
      });
    });
    when_quiet([&] { whole = trainer_step(set, augment); });
    table.rows.push_back(
        {name, time_text(alone), time_text(bare), time_text(whole), percent(std::max(0.0, 1 - bare / whole))});
  }
  return "The data path: what a step of the trainer takes beyond the bare step on data in memory, all of its "
         "bookkeeping "
         "included.\n\n" +
         table.markdown();
}

// A figure of /proc/self/status, in bytes.
double resident(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (double kilobytes = 0; word == name + ":" && file >> kilobytes) return 1024 * kilobytes;
  fail(ErrorKind::file, "/proc/self/status", "has no {}", name);
}

}  // namespace

void print_memory(const std::string& name) {
  const double before = resident("VmRSS");
  Training training(workload(name));
  (void)training.run(20);
  std::cout << json{{"bytes", resident("VmHWM") - before}} << std::endl;
}

void print_grown(const std::string& axis, int64_t size) {
  const Workload w = grown(axis, size);
  const size_t before = memory_use().now;
  Training training(w);
  (void)training.run(3);
  const int64_t steps = steps_for(0.2, training.run(3).seconds / 3);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) times.push_back(training.run(steps).seconds / static_cast<double>(steps));
  // The batches in memory are the bench's, not the step's.
  const auto inputs = static_cast<double>((Training::batches - 1) * training.input(0).byte_count());
  const double bytes = static_cast<double>(memory_use().peak - before) - inputs;
  const double seconds = spread(times).low;
  Parts parts = profile([&] { (void)training.run(steps_for(1, seconds)); }).by_name;
  for (auto& [name, share] : parts) share *= seconds;
  std::cout << json{{"seconds", seconds}, {"flops", training.flops()}, {"bytes", bytes}, {"parts", parts}} << std::endl;
}

std::string growth_section(const Options& options) {
  return "From row to row one size doubles. Arithmetic: products and convolutions. A mark says that time or memory "
         "grew by "
         "over 10 % more than the arithmetic.\n\n" +
         growth_tables(options) + data_path(options);
}

}  // namespace tandem::bench
