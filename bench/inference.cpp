// Inference side by side with ONNX Runtime and compiled PyTorch.
#include <bench/peer.h>
#include <bench/report.h>
#include <bench/workloads.h>
#include <tandem/autograd/tape.h>
#include <tandem/nn/inference.h>
#include <tandem/ops/shape.h>

namespace tandem::bench {
namespace {

// Outputs are logits of some units; two summation orders differ by some 1e-6 of the largest.
constexpr double tolerance = 1e-4;

class Inference {
 public:
  Inference(Training& training, int64_t batch) : net_(nn::for_inference(training.net())) {
    std::vector<Tensor> parts;
    for (size_t b = 0; b < Training::batches; ++b) parts.push_back(training.input(b));
    const Tensor all = concat(parts, 0);
    for (int64_t first = 0; first + batch <= all.size(0); first += batch)
      inputs_.push_back(all.rows(first, first + batch));
  }
  Tensor call() {
    const NoGrad off;
    nn::Pass pass{false, {}};
    const Tensor out = net_.forward(inputs_[at_], pass);
    at_ = (at_ + 1) % inputs_.size();
    return out;
  }
  std::vector<double> latencies(int64_t count) {
    std::vector<double> times;
    for (int64_t i = 0; i < count; ++i) {
      const Clock clock;
      (void)call();
      times.push_back(clock.seconds());
    }
    return times;
  }
  Tensor first() {
    at_ = 0;
    return call().clone();
  }

 private:
  nn::Sequential net_;
  std::vector<Tensor> inputs_;
  size_t at_ = 0;
};

double largest_difference(const Tensor& ours, const std::vector<double>& theirs) {
  double difference = 0, scale = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    difference = std::max(difference, std::abs(ours.at(static_cast<int64_t>(i)) - theirs[i]));
    scale = std::max(scale, std::abs(theirs[i]));
  }
  return difference / scale;
}

std::vector<json> torch_configurations(const Workload& w, int64_t batch, bool quick) {
  std::vector<json> out;
  for (const int threads : {1, 2})
    for (const char* compile : {"", "frozen"})
      for (const bool channels_last : {false, true}) {
        if (channels_last && w.input.rank() < 3) continue;
        if (quick && (*compile || channels_last)) continue;
        out.push_back({{"threads", threads}, {"compile", compile}, {"channels_last", channels_last}, {"batch", batch}});
      }
  return out;
}

std::string figure(int64_t batch, double median, double p99) {
  if (batch == 1) return fmt::format("{} / {}", time_text(median), time_text(p99));
  return fmt::format("{:.0f}/s", static_cast<double>(batch) / median);
}

}  // namespace

std::string inference_section(const Options& options) {
  Table table{{"network", "batch", "Tandem", "ONNX Runtime", "ratio", "PyTorch", "ratio", "largest difference"}, {}};
  std::string notes;
  for (const char* name : {"mlp", "cnn", "resnet20"}) {
    const Workload w = workload(name);
    if ((options.quick && w.network == "resnet20") || w.name.find(options.rows) == std::string::npos) continue;
    Training training(w);
    const fs::path file = scratch_folder() / (w.name + "-inference.safetensors");
    training.write(file);
    for (const int64_t batch : {int64_t{1}, int64_t{256}}) {
      fmt::print(stderr, "inference {} batch {}\n", w.name, batch);
      Inference ours(training, batch);
      const Tensor output = ours.first();
      const double one = spread(ours.latencies(20)).median;
      const double window = options.quick ? 0.1 : 0.3;
      std::vector<double> our_medians, our_tails;
      const auto run_ours = [&] {
        const auto times = ours.latencies(steps_for(window, one));
        our_tails.push_back(quantile(times, 0.99));
        our_medians.push_back(spread(times).median);
        return our_medians.back();
      };
      std::vector<std::string> row{w.name, fmt::format("{}", batch), ""};
      double difference = 0;
      for (const bool torch : {false, true}) {
        std::vector<json> configs;
        for (const int threads : {1, 2}) configs.push_back({{"threads", threads}, {"batch", batch}});
        if (torch) configs = torch_configurations(w, batch, options.quick);
        const Chosen peer = torch ? best_peer("inference_torch.py", "torch", file, configs, "ms")
                                  : best_peer("inference_onnx.py", "onnxruntime", file, configs, "ms");
        if (!peer.peer) {
          for (int i = 0; our_medians.size() < 5 && i < 5; ++i) run_ours();
          row.insert(row.end(), {"—", "—"});
          continue;
        }
        const auto values = peer.peer->ask("output")["values"].get<std::vector<double>>();
        difference = std::max(difference, largest_difference(output, values));
        const double their_one = peer.peer->ask("run 20")["seconds"].get<double>() / 20;
        std::vector<double> tails;
        const Pairs pairs = interleave(options.quick ? 3 : 11, peer.peer->process(), run_ours, [&] {
          const auto times = peer.peer->ask(fmt::format("latency {}", steps_for(window, their_one)))["times"]
                                 .get<std::vector<double>>();
          tails.push_back(quantile(times, 0.99));
          return spread(times).median;
        });
        row.push_back(figure(batch, pairs.theirs.median, spread(tails).median));
        row.push_back(
            fmt::format("**{:.2f}x** ({:.2f} … {:.2f})", pairs.ratio.median, pairs.ratio.low, pairs.ratio.high));
        notes += fmt::format("- `{}`, batch {}: {} at its best with {}{}. Tried: {}.\n", w.name, batch,
                             torch ? "PyTorch" : "ONNX Runtime", describe(peer.config), pairs.remark(), peer.tried);
        fmt::print(stderr, "  ratio {:.2f}, {} disturbed\n", pairs.ratio.median, pairs.disturbed);
      }
      row[2] = figure(batch, spread(our_medians).median, spread(our_tails).median);
      row.push_back(difference == 0 ? "—"
                                    : fmt::format("{:.0e}{}", difference, difference > tolerance ? " **differ**" : ""));
      table.rows.push_back(row);
    }
  }
  return "Batch 1: median / 99th percentile of the time from call to answer. Batch 256: pictures a second. Ratio: the "
         "peer's median time over ours, median of the pairs with the lowest and the highest; our own figure is the "
         "median over the pairs with both peers. ONNX Runtime runs a graph "
         "of "
         "the same weights with bound inputs and outputs; PyTorch runs in inference mode, compiled with frozen weights "
         "where that is quicker. The largest difference between outputs is relative to the largest output.\n\n" +
         table.markdown() + "\n" + notes;
}

}  // namespace tandem::bench
