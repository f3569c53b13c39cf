// One stream of text, token by token, side by side with PyTorch; and what attention needs of memory as its context
// grows.
#include <bench/peer.h>
#include <bench/report.h>
#include <bench/workloads.h>
#include <tandem/autograd/tape.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/memory.h>

#include <algorithm>

namespace tandem::bench {
namespace {

constexpr size_t context = 256, prompt = 16;
constexpr double goal = 3;

// The likeliest tokens behind the first of the first batch, keys and values kept.
std::vector<int32_t> generate(nn::Sequential& net, std::span<const int32_t> begin) {
  const NoGrad off;
  nn::Memory memory;
  std::vector<int32_t> text(begin.begin(), begin.end());
  size_t seen = 0;
  for (;;) {
    nn::Pass pass;
    pass.memory = &memory;
    const auto fresh = std::span<const int32_t>(text).subspan(seen);
    pass.lengths = {std::ssize(fresh)};
    seen = text.size();
    const Tensor all = net.forward(Tensor::from(fresh, {std::ssize(fresh)}), pass);
    if (text.size() == context) return text;
    const auto scores = all.rows(all.size(0) - 1, all.size(0));
    const auto values = scores.data<const float>();
    text.push_back(static_cast<int32_t>(std::ranges::max_element(values) - values.begin()));
  }
}

std::string stream(const Options& options) {
  const Workload w = workload("gpt");
  Training training(w);
  const fs::path file = scratch_folder() / "generation.safetensors";
  training.write(file);
  nn::Sequential net = nn::for_inference(training.net());
  const auto begin = training.input(0).data<const int32_t>().first(prompt);
  const std::vector<int32_t> text = generate(net, begin);
  std::vector<json> configs;
  for (const int threads : {1, 2})
    for (const char* compile : {"", "loss"}) configs.push_back({{"threads", threads}, {"compile", compile}});
  const Chosen peer = best_peer("generation.py", "torch", file, configs, "ms");
  const auto ours = [&] {
    const Clock clock;
    (void)generate(net, begin);
    return clock.seconds();
  };
  const auto rate = [](double seconds) {
    return fmt::format("{:.0f}/s", static_cast<double>(context - prompt) / seconds);
  };
  Table table{{"one stream", "Tandem, tokens", "PyTorch, tokens", "ratio", "lowest … highest", "goal", "same tokens"},
              {}};
  if (!peer.peer) {
    table.rows.push_back({w.name, rate(ours()), "—", "—", "—", fmt::format("{}x", goal), "—"});
    return table.markdown();
  }
  const auto theirs = peer.peer->ask("text")["tokens"].get<std::vector<int32_t>>();
  const auto same = std::ranges::mismatch(text, theirs).in1 - text.begin();
  const Pairs pairs = interleave(options.quick ? 3 : 11, peer.peer->process(), ours,
                                 [&] { return peer.peer->ask("run 1")["seconds"].get<double>(); });
  table.rows.push_back({w.name, rate(pairs.ours.median), rate(pairs.theirs.median),
                        fmt::format("**{:.2f}x**", pairs.ratio.median),
                        fmt::format("{:.2f} … {:.2f}", pairs.ratio.low, pairs.ratio.high), fmt::format("{}x", goal),
                        fmt::format("{} of {}", same, text.size())});
  return table.markdown() + fmt::format("\n- PyTorch at its best with {}{}. Tried: {}.\n", describe(peer.config),
                                        pairs.remark(), peer.tried);
}

std::string contexts(const Options& options) {
  Table table{{"context", "memory of a training step", "a token", "of a full table of scores"}, {}};
  for (const int64_t n : {1024, 2048, 4096, 8192}) {
    if (options.quick && n > 2048) break;
    const json measured = Peer("/proc/self/exe", {"--grown", "context", fmt::format("{}", n)}).ready();
    const double bytes = measured["bytes"];
    const auto full = static_cast<double>(2 * 4 * n * n * 4);  // layers x heads x scores
    table.rows.push_back({fmt::format("{}", n), fmt::format("{:.0f} MB", bytes / 1e6),
                          fmt::format("{:.1f} kB", bytes / static_cast<double>(n) / 1e3),
                          fmt::format("{:.0f} MB", full / 1e6)});
  }
  return table.markdown();
}

}  // namespace

std::string generation_section(const Options& options) {
  return fmt::format(
             "A text of {} tokens goes on to {}, one token at a time, keys and values kept, by the network of `gpt`; "
             "the "
             "likeliest token is taken on both sides.\n\n",
             prompt, context) +
         stream(options) +
         "\nAttention in tiles: a step of a small decoder (2 layers, 128 wide, 4 heads, one sequence), forward and "
         "backward. A full table of scores would need for the forward pass alone what the last column says.\n\n" +
         contexts(options);
}

}  // namespace tandem::bench
