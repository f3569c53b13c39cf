// Every group of operations alone, from small to large, against the machine's limits.
#include <bench/machine.h>
#include <bench/quiet.h>
#include <bench/report.h>
#include <bench/timing.h>
#include <fmt/format.h>
#include <tandem/autograd/tape.h>
#include <tandem/base/memory.h>
#include <tandem/kernels/conv.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/onednn.h>
#include <tandem/kernels/optim.h>
#include <tandem/nn/norm.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/image.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/shape.h>

#include <functional>
#include <map>

namespace tandem::bench {
namespace {

// Numbers in -1 … 1; a pattern that repeats is random enough for a clock, and quick to write.
Tensor random(const Shape& shape) {
  Tensor out = Tensor::empty(shape);
  static const std::vector<float> pattern = [] {
    std::vector<float> values(10'007);
    Rng rng(1, "kernels");
    for (float& v : values) v = static_cast<float>(rng.uniform(-1, 1));
    return values;
  }();
  const auto data = out.data<float>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = pattern[i % pattern.size()];
  return out;
}

double timed(bool quick, const std::function<void()>& fn) {
  double seconds = 0;
  when_quiet([&] { seconds = seconds_per_call(fn, quick ? 0.004 : 0.02); }, 0, 3);
  return seconds;
}

std::string giga(double rate) { return fmt::format("{:.{}f}", rate / 1e9, rate < 1e10 ? 1 : 0); }

// Products: GFLOP/s and the share of the peak.
std::string products(bool quick) {
  struct Row {
    std::string name;
    int64_t m, n, k;
  };
  std::vector<Row> rows{{"`mlp`, first layer", 128, 512, 784},
                        {"`classic`, first layer", 64, 50, 784},
                        {"`classic`, second layer", 64, 10, 50},
                        {"`control`, middle layer", 64, 64, 64}};
  for (int64_t n = 64; n <= (quick ? 512 : 2048); n *= 2) rows.push_back({"square", n, n, n});
  Table table{{"product", "m x n x k", "a · b, GFLOP/s", "share", "a · bᵀ + bias, GFLOP/s", "share"}, {}};
  for (const Row& r : rows) {
    const Tensor a = random({r.m, r.k}), b = random({r.k, r.n}), w = random({r.n, r.k}), bias = random({r.n});
    const double flops = 2.0 * static_cast<double>(r.m * r.n * r.k);
    const double plain = flops / timed(quick, [&] { (void)matmul(a, b); });
    const double layer = flops / timed(quick, [&] { (void)linear(a, w, bias); });
    table.rows.push_back({r.name, fmt::format("{} x {} x {}", r.m, r.n, r.k), giga(plain),
                          percent(plain / machine().peak()), giga(layer), percent(layer / machine().peak())});
  }
  return table.markdown();
}

// Convolutions of a training step. `count`: how often the network has that layer.
struct ConvRow {
  std::string network;
  int64_t count, size, in, out, kernel, stride;
  bool first = false;  // wants no gradient of its input
};

std::string convolutions(bool quick) {
  const std::vector<ConvRow> rows{{"cnn", 1, 28, 1, 32, 3, 1, true},      {"cnn", 1, 14, 32, 64, 3, 1},
                                  {"resnet20", 1, 32, 3, 16, 3, 1, true}, {"resnet20", 6, 32, 16, 16, 3, 1},
                                  {"resnet20", 1, 32, 16, 32, 3, 2},      {"resnet20", 5, 16, 32, 32, 3, 1},
                                  {"resnet20", 1, 16, 32, 64, 3, 2},      {"resnet20", 5, 8, 64, 64, 3, 1},
                                  {"resnet20", 1, 32, 16, 32, 1, 2},      {"resnet20", 1, 16, 32, 64, 1, 2}};
  Table table{{"convolution, batch 128", "times", "forward, GFLOP/s", "share", "input gradient", "share",
               "weight gradient", "share"},
              {}};
  struct Sum {
    double flops = 0, seconds = 0;
  };
  std::map<std::string, Sum> sums;
  for (const ConvRow& r : rows) {
    if (quick && r.network != "cnn") continue;
    const kernels::ConvShape s{.n = 128,
                               .h = r.size,
                               .w = r.size,
                               .c = r.in,
                               .o = r.out,
                               .kh = r.kernel,
                               .kw = r.kernel,
                               .stride_h = r.stride,
                               .stride_w = r.stride,
                               .pad_h = r.kernel / 2,
                               .pad_w = r.kernel / 2};
    const Tensor x = random({s.n, s.h, s.w, s.c}), w = random({s.o, s.c, s.kh, s.kw});
    const Tensor y = random({s.n, s.oh(), s.ow(), s.o}), gx = random(x.shape()), gw = random(w.shape());
    const double flops = 2.0 * static_cast<double>(s.n * s.oh() * s.ow() * s.weights());
    std::vector<std::string> cells{fmt::format("`{}` {}x{}, {} to {}, {}x{}{}", r.network, r.size, r.size, r.in, r.out,
                                               r.kernel, r.kernel, r.stride > 1 ? ", stride 2" : ""),
                                   fmt::format("{}", r.count)};
    const auto add = [&](const std::function<void()>& fn) {
      const double seconds = timed(quick, fn), rate = flops / seconds;
      cells.push_back(giga(rate)), cells.push_back(percent(rate / machine().peak()));
      sums[r.network].flops += flops * static_cast<double>(r.count);
      sums[r.network].seconds += seconds * static_cast<double>(r.count);
    };
    const auto span = [](const Tensor& t) { return t.data<float>(); };
    const auto in = [](const Tensor& t) { return t.data<const float>(); };
    add([&] { kernels::conv2d(s, in(x), in(w), {}, span(y)); });
    if (r.first)
      cells.insert(cells.end(), {"—", "—"});
    else
      add([&] { kernels::conv2d_grad_input(s, in(y), in(w), span(gx)); });
    add([&] { kernels::conv2d_grad_weight(s, in(x), in(y), span(gw)); });
    table.rows.push_back(cells);
  }
  std::string text = table.markdown() + "\n";
  for (const auto& [network, sum] : sums)
    text += fmt::format("All convolutions of a training step of `{}`: {} at {} GFLOP/s, {} of the peak.\n\n", network,
                        time_text(sum.seconds), giga(sum.flops / sum.seconds),
                        percent(sum.flops / sum.seconds / machine().peak()));
  return text;
}

// An operation on about n numbers; `passes`: how often an array of n has to go through memory at least.
struct ElementRow {
  std::string name;
  double passes;
  Stream limit;  // what its way through memory is like
  std::function<std::function<void()>(int64_t n)> make;
};

std::vector<ElementRow> element_rows() {
  using Make = std::function<std::function<void()>(int64_t)>;
  const auto one = [](Tensor (*fn)(const Tensor&)) -> Make {
    return [fn](int64_t n) { return [fn, x = random({n})] { (void)fn(x); }; };
  };
  const auto two = [](Tensor (*fn)(const Tensor&, const Tensor&)) -> Make {
    return [fn](int64_t n) { return [fn, x = random({n}), y = random({n})] { (void)fn(x, y); }; };
  };
  const auto rows_of = [](int64_t columns, auto fn) -> Make {
    return [=](int64_t n) { return [fn, x = random({n / columns, columns})] { (void)fn(x); }; };
  };
  const auto picture = [](auto fn) -> Make {  // 10 x 10 pixels of 10 channels, so that any size divides
    return [fn](int64_t n) { return [fn, x = random({n / 1000, 10, 10, 10})] { (void)fn(x); }; };
  };
  const auto grad = [](kernels::Unary op) -> Make {
    return [op](int64_t n) {
      return [op, x = random({n}), g = random({n}), gx = random({n})] {
        kernels::unary_grad(op, 0, x.data<const float>(), g.data<const float>(), gx.data<float>());
      };
    };
  };
  std::vector<ElementRow> rows{
      {"add", 3, Stream::triad, two([](const Tensor& a, const Tensor& b) { return a + b; })},
      {"multiply", 3, Stream::triad, two([](const Tensor& a, const Tensor& b) { return a * b; })},
      {"relu", 2, Stream::triad, one(relu)},
      {"relu, gradient", 3, Stream::triad, grad(kernels::Unary::relu)},
      {"sigmoid", 2, Stream::triad, one(sigmoid)},
      {"sigmoid, gradient", 3, Stream::triad, grad(kernels::Unary::sigmoid)},
      {"tanh", 2, Stream::triad, one(tanh)},
      {"gelu", 2, Stream::triad, one(gelu)},
      {"exp", 2, Stream::triad, one(exp)},
      {"softmax, rows of 100", 2, Stream::triad, rows_of(100, [](const Tensor& x) { return softmax(x); })},
      {"sum of all", 1, Stream::read, one([](const Tensor& x) { return sum(x); })},
      {"sum of columns, rows of 100", 1, Stream::read, rows_of(100, [](const Tensor& x) { return sum(x, 0); })},
      {"sum of rows of 100", 1, Stream::read, rows_of(100, [](const Tensor& x) { return sum(x, 1); })},
      {"maximum of rows of 100", 1, Stream::read, rows_of(100, [](const Tensor& x) { return max(x, 1); })},
      {"max pool 2x2", 1.25, Stream::triad, picture([](const Tensor& x) {
         return max_pool2d(x, {2, 2, 0});
       })},
      {"mean of pictures", 1, Stream::read, picture([](const Tensor& x) { return global_avg_pool2d(x); })},
      {"permute (0, 3, 1, 2)", 2, Stream::triad, picture([](const Tensor& x) {
         return permute(x, {0, 3, 1, 2});
       })},
  };
  rows.push_back({"batch norm, 50 channels", 3, Stream::triad, [](int64_t n) {
                    nn::BatchNorm layer;
                    nn::Build build{Rng(1, "weights")};
                    layer.build({50}, build);
                    return [layer, x = random({n / 50, 50})]() mutable {
                      nn::Pass pass{true, {}};
                      (void)layer.forward(x, pass);
                    };
                  }});
  rows.push_back(
      {"layer norm, rows of 100", 2, Stream::triad, [](int64_t n) {
         return [x = random({n / 100, 100}), g = random({100}), b = random({100})] { (void)layer_norm(x, g, b); };
       }});
  rows.push_back({"dropout", 2, Stream::triad, [](int64_t n) {
                    return [x = random({n}), rng = Rng(1, "dropout")]() mutable { (void)dropout(x, 0.5, rng); };
                  }});
  rows.push_back({"SGD with momentum", 5, Stream::update, [](int64_t n) {
                    return [g = random({n}), v = Tensor::zeros({n}), p = random({n})] {
                      kernels::sgd({.lr = 1e-3F, .momentum = 0.9F}, g.data<const float>(), v.data<float>(),
                                   p.data<float>());
                    };
                  }});
  rows.push_back({"Adam", 7, Stream::update, [](int64_t n) {
                    return [g = random({n}), m = Tensor::zeros({n}), v = Tensor::zeros({n}), p = random({n})] {
                      kernels::adam({.lr = 1e-3F}, g.data<const float>(), m.data<float>(), v.data<float>(),
                                    p.data<float>());
                    };
                  }});
  return rows;
}

std::string elements(bool quick, const std::string& wanted) {
  // 1e8 numbers are ten times what the largest caches hold: the share of memory bandwidth is taken there.
  std::vector<int64_t> sizes{1000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
  if (quick) sizes = {1000, 100'000'000};
  Table table{{"GB/s on so many numbers"}, {}};
  for (const int64_t n : sizes) table.head.push_back(fmt::format("1e{:.0f}", std::log10(static_cast<double>(n))));
  table.head.push_back("share of memory at 1e8");
  for (const ElementRow& row : element_rows()) {
    if (row.name.find(wanted) == std::string::npos) continue;
    std::vector<std::string> cells{row.name};
    const auto bytes = [&](int64_t n) { return row.passes * 4 * static_cast<double>(n); };
    for (const int64_t n : sizes) {
      cells.push_back(giga(bytes(n) / timed(quick, row.make(n))));
      trim_memory_pool();
    }
    // A host shares its memory with others, so that the limit moves: it is measured in turn with the operation.
    const auto run = row.make(sizes.back());
    run();
    std::vector<double> shares;
    for (int pair = 0; pair < (quick ? 3 : 11); ++pair) {
      const Clock clock;
      run();
      const double rate = bytes(sizes.back()) / clock.seconds();
      shares.push_back(rate / stream_rate(row.limit));
    }
    cells.push_back(percent(spread(shares).median));
    table.rows.push_back(cells);
  }
  return table.markdown();
}

}  // namespace

std::string kernels_section(const Options& options) {
  const NoGrad off;
  if (!options.rows.empty()) return elements(options.quick, options.rows);
  std::string text =
      "Each figure is the best of seven rounds, as the machine's peaks are. Products and convolutions: share of the "
      "measured fp32 peak of all cores; a convolution counts as what the direct method multiplies, whatever method "
      "runs. The others: bytes that have to go through memory at least (each array once a pass; batch norm reads its "
      "input twice), and at a hundred million numbers, where caches no longer help, the "
      "share of the bandwidth of the same kind (reading, writing elsewhere, in place), measured in turn with the "
      "operation.\n\n";
  text += products(options.quick) + "\n" + convolutions(options.quick) + elements(options.quick, "") + "\n";
  std::map<std::string, int> kinds;
  for (const std::string& name : kernels::onednn::implementations()) {
    ++kinds[name];
    if (name.find("ref") != std::string::npos)
      fail(ErrorKind::internal, "bench", "oneDNN fell back to its reference code '{}': that shape is slow", name);
  }
  text += "oneDNN's implementations in use:";
  for (const auto& [name, count] : kinds) text += fmt::format(" `{}` ({})", name, count);
  return text + ". None is its reference code.\n";
}

}  // namespace tandem::bench
