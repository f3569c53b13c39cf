// Training steps side by side with PyTorch.
#include <bench/growth.h>
#include <bench/machine.h>
#include <bench/peer.h>
#include <bench/profile.h>
#include <bench/quiet.h>
#include <bench/report.h>
#include <bench/workloads.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace tandem::bench {
namespace {

// The same 20 steps from the same weights on both sides. Each side sums in its own order, so rounding (1e-7 a step)
// grows on its way through the optimiser: Adam divides by the root of a second moment that starts near zero, and batch
// norm by a deviation. 2e-3 is well above what that gives and far below what any other rule of learning would.
constexpr int64_t compared_steps = 20;
constexpr double tolerance = 2e-3, tolerance_bf16 = 5e-2;

std::vector<json> configurations(const Workload& w, bool quick) {
  std::vector<json> out;
  if (w.vocabulary > 0) {  // of recurrent layers PyTorch takes padded or packed sequences
    for (const int threads : {1, 2})
      for (const char* compile : {"", "loss", "step"})
        for (const bool packed : {false, true})
          if ((!packed || w.shortest < w.length) && (!quick || !*compile))
            out.push_back({{"threads", threads},
                           {"compile", compile},
                           {"channels_last", false},
                           {"bf16", w.bf16},
                           {"packed", packed}});
    return out;
  }
  for (const int threads : {1, 2})
    for (const char* compile : {"", "loss", "step"})
      for (const bool channels_last : {false, true}) {
        if (channels_last && w.input.rank() < 3) continue;  // no pictures
        if (quick && (*compile || (channels_last != (w.input.rank() == 3)))) continue;
        out.push_back({{"threads", threads}, {"compile", compile}, {"channels_last", channels_last}, {"bf16", w.bf16}});
      }
  return out;
}

// How much of a step runs in kernels, on data in memory.
std::string profiles(bool quick) {
  struct Goal {
    const char* name;
    double kernels;
  };
  Table table{{"workload", "in kernels", "of it waiting for the other thread", "goal", "kernels that take most"}, {}};
  for (const auto& [name, goal] : {Goal{"classic", 0.8}, Goal{"mlp", 0}, Goal{"resnet20", 0.95}}) {
    fmt::print(stderr, "profile {}\n", name);
    Training training(workload(name));
    const int64_t steps = steps_for(quick ? 0.3 : 3, training.run(5).seconds / 5);
    Profile p;
    when_quiet([&] { p = profile([&] { (void)training.run(steps); }); });
    std::vector<std::pair<double, std::string>> most;
    for (const auto& [kernel, share] : p.by_name)
      if (kernel != "other") most.emplace_back(share, kernel);
    std::ranges::sort(most, std::greater<>());
    std::string names;
    for (size_t i = 0; i < std::min<size_t>(6, most.size()); ++i)
      names += fmt::format("{}{} {}", i ? ", " : "", most[i].second, percent(most[i].first));
    table.rows.push_back(
        {name, fmt::format("**{}**", percent(p.kernels)), percent(p.waiting), goal > 0 ? percent(goal) : "—", names});
  }
  return "Time in kernels over wall time, by a sample of the stack of the thread that runs the step each millisecond; "
         "what a kernel waits for the other thread to end its part counts as the kernel's.\n\n" +
         table.markdown() + "\n";
}

}  // namespace

std::string training_section(const Options& options) {
  Table table{{"workload", "Tandem", "share of peak", "PyTorch", "share of peak", "ratio", "lowest … highest", "goal",
               "loss after 20 steps", "first step", "memory"},
              {}};
  std::string notes, shapes;
  bool peer_there = false;
  for (const Workload& w : workloads()) {
    shapes += fmt::format("- `{}`: {}\n", w.name, w.about);
    if ((options.quick && w.network == "resnet20") || w.name.find(options.rows) == std::string::npos) continue;
    fmt::print(stderr, "training {}\n", w.name);
    Training ours(w);
    const fs::path file = scratch_folder() / (w.name + ".safetensors");
    ours.write(file);
    const double first = ours.run(1).seconds;
    ours.reset();
    const double loss = ours.run(compared_steps).loss;
    const int64_t steps = steps_for(options.quick ? 0.1 : 0.3, ours.run(5).seconds / 5);
    const auto run_ours = [&] {
      ours.reset();
      return ours.run(steps).seconds / static_cast<double>(steps);
    };
    const double peak = w.bf16 && machine().bf16[1] > 0 ? machine().bf16[1] : machine().peak();
    const auto share = [&](double seconds) { return percent(ours.flops() / seconds / peak); };

    const double our_memory = Peer("/proc/self/exe", {"--memory", w.name}).ready()["bytes"];
    const auto megabytes = [](double bytes) { return fmt::format("{:.0f} MB", bytes / 1e6); };
    Chosen peer = best_peer("training.py", "torch", file, configurations(w, options.quick), "ms");
    if (!peer.peer) {
      std::vector<double> times;
      for (int i = 0; i < (options.quick ? 3 : 11); ++i)
        when_quiet([&, at = times.size()] { times.resize(at), times.push_back(run_ours()); });
      const double median = spread(times).median;
      table.rows.push_back({w.name, time_text(median), share(median), "—", "—", "—", "—", fmt::format("{}x", w.goal),
                            fmt::format("{:.5f}", loss), time_text(first), megabytes(our_memory)});
      continue;
    }
    peer_there = true;
    const auto ask = [&](int64_t n) { return peer.peer->ask(fmt::format("run {}", n)); };
    (void)peer.peer->ask("reset");
    const double their_loss = ask(compared_steps)["loss"];
    const int64_t their_steps = steps_for(options.quick ? 0.1 : 0.3, ask(5)["seconds"].get<double>() / 5);
    const Pairs pairs = interleave(options.quick ? 3 : 11, peer.peer->process(), run_ours, [&] {
      (void)peer.peer->ask("reset");
      return ask(their_steps)["seconds"].get<double>() / static_cast<double>(their_steps);
    });
    const bool agrees = std::abs(loss - their_loss) <= (w.bf16 ? tolerance_bf16 : tolerance) * std::abs(their_loss);
    table.rows.push_back(
        {w.name, time_text(pairs.ours.median), share(pairs.ours.median), time_text(pairs.theirs.median),
         share(pairs.theirs.median), fmt::format("**{:.2f}x**", pairs.ratio.median),
         fmt::format("{:.2f} … {:.2f}", pairs.ratio.low, pairs.ratio.high), fmt::format("{}x", w.goal),
         fmt::format("{:.5f} / {:.5f}{}", loss, their_loss, agrees ? "" : " **differ**"),
         fmt::format("{} / {}", time_text(first), time_text(peer.peer->ready()["first"].get<double>())),
         fmt::format("{} / {}", megabytes(our_memory), megabytes(peer.peer->ask("memory")["bytes"]))});
    notes +=
        fmt::format("- `{}`: PyTorch {} at its best with {}{}. Tried: {}.\n", w.name,
                    peer.peer->ready()["torch"].get<std::string>(), describe(peer.config), pairs.remark(), peer.tried);
    fmt::print(stderr, "  ours {}, peer {}, ratio {:.2f}, {} disturbed\n", time_text(pairs.ours.median),
               time_text(pairs.theirs.median), pairs.ratio.median, pairs.disturbed);
  }
  std::string text =
      "One step is forward, loss, backward and optimiser; the data lies in memory. Ratio: PyTorch's time over ours, "
      "the "
      "median of the pairs, each pair measured one right after the other. Share of peak: products and convolutions "
      "only, over the measured peak of all cores. A convolution counts as what the direct method multiplies: "
      "Winograd's "
      "takes fewer products, so the share can pass 100 %. Two figures with a stroke between them are ours / PyTorch's. "
      "The "
      "first "
      "step makes kernels (PyTorch's compiles, where that configuration won) and is not in the time of a step. Memory: "
      "what "
      "weights, optimiser, the eight batches and 20 steps hold at most, beyond the process before them (of PyTorch "
      "what "
      "20 steps hold once it has compiled).\n\n" +
      shapes + "\n" + table.markdown() + "\n";
  if (!peer_there)
    text +=
        "PyTorch was not found, so there is nothing to compare with here: set it up as `bench/peers/requirements.txt` "
        "says.\n\n";
  else
    text += fmt::format(
        "Both sides start from the same weights and see the same batches. Losses count as the same within {} "
        "(relative; {} in bf16): "
        "both sides sum in their own order, and Adam and batch norm let that rounding grow.\n\n",
        tolerance, tolerance_bf16);
  return text + profiles(options.quick) + notes;
}

}  // namespace tandem::bench
