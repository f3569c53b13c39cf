#include <bench/timing.h>
#include <bench/workloads.h>
#include <tandem/autograd/tape.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/embedding.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/recurrent.h>
#include <tandem/nn/sequence.h>
#include <tandem/nn/transformer.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/loss.h>

#include <numeric>

namespace tandem::bench {
namespace {

// A sequential network with parameters: shared by a member's initialiser, since the optimiser wants the tensors.
nn::Sequential built(const Workload& w) {
  nn::Sequential net = w.net;
  nn::Build build{Rng(1, "weights"), w.outputs};
  build.vocabulary = w.vocabulary;
  net.build(w.input, build);
  return net;
}

Shape with_batch(const Workload& w, const Shape& example) { return example.inserted(0, w.batch); }

Tensor normal(const Shape& shape, Rng& rng) {
  Tensor out = Tensor::empty(shape);
  for (float& v : out.data<float>()) v = static_cast<float>(rng.normal());
  return out;
}

// Classes that can be learned: which of a few random directions an example leans to most.
Tensor classes(const Tensor& x, int64_t count, Rng& rng) {
  const auto n = static_cast<size_t>(x.size(0)), width = static_cast<size_t>(x.numel()) / n;
  const Tensor directions = normal({count, static_cast<int64_t>(width)}, rng);
  Tensor out = Tensor::empty({x.size(0)}, DType::i32);
  for (size_t i = 0; i < n; ++i) {
    double best = -1e30;
    for (size_t k = 0; k < static_cast<size_t>(count); ++k) {
      double dot = 0;
      for (size_t j = 0; j < width; ++j)
        dot += double{x.data<float>()[i * width + j]} * double{directions.data<float>()[k * width + j]};
      if (dot > best) best = dot, out.data<int32_t>()[i] = static_cast<int32_t>(k);
    }
  }
  return out;
}

Tensor targets(const Workload& w, const Tensor& x, Rng& rng) {
  if (w.loss == "cross_entropy") return classes(x, w.outputs, rng);
  if (w.loss == "mse") return normal({w.batch, w.outputs}, rng);
  const Tensor two = classes(x, 2, rng);
  return two.to(DType::f32).view({w.batch, 1});
}

Tensor random_ids(int64_t count, int64_t below, Rng& rng) {
  Tensor out = Tensor::empty({count}, DType::i32);
  for (int32_t& id : out.data<int32_t>()) id = static_cast<int32_t>(rng.below(below));
  return out;
}

Tensor loss_of(const std::string& name, const Tensor& out, const Tensor& target) {
  if (name == "cross_entropy") return cross_entropy(out, target);
  if (name == "mse") return mse_loss(out, target);
  return binary_cross_entropy(out, target);
}

}  // namespace

std::vector<Workload> workloads() {
  using namespace nn;
  const optim::Options adam{.type = "adam", .lr = 1e-3};
  const optim::Options sgd{.type = "sgd", .lr = 0.05, .momentum = 0.9, .weight_decay = 1e-4};
  std::vector<Workload> all;
  all.push_back({.name = "classic",
                 .about = "784-50-10-1, BCE, SGD momentum, batch 64",
                 .network = "classic",
                 .net = Sequential{Linear{50}, ReLU{}, Linear{10}, Sigmoid{}, Linear{1}, Sigmoid{}},
                 .input = {784},
                 .batch = 64,
                 .loss = "binary_cross_entropy",
                 .outputs = 1,
                 .optimizer = {.type = "sgd", .lr = 1e-3, .momentum = 0.5},
                 .goal = 4});
  all.push_back({.name = "control",
                 .about = "8-64-64-4 tanh, MSE, Adam, batch 64",
                 .network = "control",
                 .net = Sequential{Linear{64}, Tanh{}, Linear{64}, Tanh{}, Linear{4}},
                 .input = {8},
                 .batch = 64,
                 .loss = "mse",
                 .outputs = 4,
                 .optimizer = adam,
                 .goal = 8});
  all.push_back({.name = "mlp",
                 .about = "784-512-512-10 ReLU, cross-entropy, Adam, batch 128",
                 .network = "mlp",
                 .net = Sequential{Linear{512}, ReLU{}, Linear{512}, ReLU{}, Linear{10}},
                 .input = {784},
                 .batch = 128,
                 .loss = "cross_entropy",
                 .outputs = 10,
                 .optimizer = adam,
                 .goal = 1.7});
  all.push_back({.name = "cnn",
                 .about = "conv 32 3x3, ReLU, pool, conv 64 3x3, ReLU, pool, 128, 10; 28x28x1, Adam, batch 128",
                 .network = "cnn",
                 .net = Sequential{Conv2d{32, 3, Conv2d::same}, ReLU{}, MaxPool2d{2}, Conv2d{64, 3, Conv2d::same},
                                   ReLU{}, MaxPool2d{2}, Flatten{}, Linear{128}, ReLU{}, Linear{10}},
                 .input = {28, 28, 1},
                 .batch = 128,
                 .loss = "cross_entropy",
                 .outputs = 10,
                 .optimizer = adam,
                 .goal = 2});
  all.push_back({.name = "resnet20",
                 .about = "CIFAR ResNet-20, batch norm, 32x32x3, SGD momentum, weight decay, batch 128",
                 .network = "resnet20",
                 .net = model("resnet20"),
                 .input = {32, 32, 3},
                 .batch = 128,
                 .loss = "cross_entropy",
                 .outputs = 10,
                 .optimizer = sgd,
                 .goal = 1.5});
  Workload mixed = all.back();
  mixed.name = "resnet20-bf16", mixed.about = "the same in mixed bf16", mixed.bf16 = true;
  all.push_back(mixed);
  Workload lstm{.name = "lstm",
                .about = "embedding 10,000 x 256, LSTM 256, last state, 10 classes; batch 64, length 100, Adam",
                .network = "lstm",
                .net = Sequential{Embedding{256}, LSTM{256}, PoolSequence{"last"}, Linear{10}},
                .input = {},
                .batch = 64,
                .loss = "cross_entropy",
                .outputs = 10,
                .optimizer = adam,
                .vocabulary = 10'000,
                .length = 100,
                .shortest = 100,
                .goal = 1.5};
  all.push_back(lstm);
  lstm.name = "lstm-ragged", lstm.about = "the same with lengths uniform from 5 to 100";
  lstm.shortest = 5, lstm.goal = 3;
  all.push_back(lstm);
  Positions positions;
  positions.most = 256;
  all.push_back(
      {.name = "gpt",
       .about = "decoder-only Transformer, 6 layers, 384 wide, 6 heads, context 256, 96 characters; batch 8, Adam",
       .network = "gpt",
       .net = Sequential{Embedding{384}, positions, Transformer{6, 6, true}, Linear{96}},
       .input = {},
       .batch = 8,
       .loss = "cross_entropy",
       .outputs = 96,
       .optimizer = adam,
       .vocabulary = 96,
       .length = 256,
       .shortest = 256,
       .next_token = true,
       .goal = 1.3});
  mixed = all.back();
  mixed.name = "gpt-bf16", mixed.about = "the same in mixed bf16", mixed.bf16 = true;
  all.push_back(mixed);
  return all;
}

Workload workload(const std::string& name) {
  for (Workload& w : workloads())
    if (w.name == name) return w;
  fail("bench", "there is no workload '{}'", name);
}

Training::Training(const Workload& workload)
    : workload_(workload), net_(built(workload)), optimizer_(workload.optimizer, nn::trained(net_)) {
  for (const auto& [name, tensor] : nn::named(net_)) first_weights_.emplace_back(name, tensor.clone());
  const Rng rng(1, "data");
  for (size_t b = 0; b < Training::batches; ++b) {
    Rng values = rng.split(b), directions = rng.split("targets");
    if (workload.vocabulary > 0) {
      auto& lengths = lengths_.emplace_back();
      for (int64_t i = 0; i < workload.batch; ++i)
        lengths.push_back(workload.shortest + values.below(workload.length - workload.shortest + 1));
      const int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
      inputs_.push_back(random_ids(tokens, workload.vocabulary, values));
      targets_.push_back(random_ids(workload.next_token ? tokens : workload.batch, workload.outputs, values));
      continue;
    }
    inputs_.push_back(normal(with_batch(workload, workload.input), values));
    targets_.push_back(targets(workload, inputs_.back(), directions));
  }
}

Steps Training::run(int64_t count) {
  Steps out;
  const Clock clock;
  Tensor loss;
  for (int64_t i = 0; i < count; ++i) {
    nn::Pass pass{true, {}, workload_.bf16};
    if (!lengths_.empty()) pass.lengths = lengths_[at_];
    loss = loss_of(workload_.loss, widened(net_.forward(inputs_[at_], pass)), targets_[at_]);
    optimizer_.clear_grads();
    backward(loss);
    optimizer_.step(workload_.optimizer.lr);
    at_ = (at_ + 1) % Training::batches;
  }
  out.loss = loss.item();
  out.seconds = clock.seconds();
  return out;
}

void Training::reset() {
  nn::assign(net_, first_weights_, "bench");
  optimizer_.visit([](const std::string&, Tensor& t) { std::ranges::fill(t.data<float>(), 0.0F); });
  optimizer_.set_steps(0);
  optimizer_.clear_grads();
  at_ = 0;
}

void Training::write(const fs::path& path) const {
  TensorFile file;
  for (const auto& [name, tensor] : first_weights_) file.tensors.emplace_back("net." + name, tensor);
  for (size_t b = 0; b < Training::batches; ++b) {
    file.tensors.emplace_back(fmt::format("input.{}", b), inputs_[b]);
    file.tensors.emplace_back(fmt::format("target.{}", b), targets_[b]);
    if (!lengths_.empty())
      file.tensors.emplace_back(fmt::format("lengths.{}", b),
                                Tensor::from(lengths_[b], {static_cast<int64_t>(lengths_[b].size())}));
  }
  const optim::Options& o = workload_.optimizer;
  file.metadata = {{"network", workload_.network},
                   {"loss", workload_.loss},
                   {"optimizer", o.type},
                   {"lr", fmt::format("{}", o.lr)},
                   {"momentum", fmt::format("{}", o.momentum)},
                   {"weight_decay", fmt::format("{}", o.weight_decay)}};
  write_safetensors(path, file);
}

double Training::flops() const {
  if (lengths_.empty()) {
    const auto all = static_cast<double>(net_.multiply_adds(workload_.input));
    const auto first = static_cast<double>(net_.layers().front()->multiply_adds(workload_.input));
    return 2 * static_cast<double>(workload_.batch) * (3 * all - first);
  }
  // Layers count a token; behind a pooling there is one row a sequence. Causal attention: a token's scores with the
  // mean number of those it sees, and the sum of their values.
  double products = 0;
  for (const auto& lengths : lengths_) {
    const auto tokens = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), int64_t{0}));
    double rows = tokens;
    for (const auto& layer : net_.layers()) {
      if (layer->kind() == "pool_sequence") rows = static_cast<double>(lengths.size());
      products += rows * static_cast<double>(layer->multiply_adds({}));
      if (const auto* t = dynamic_cast<const nn::Transformer*>(layer.get()))
        for (const int64_t n : lengths)
          products += static_cast<double>(t->layers * n * (n + 1) * t->blocks[0].self_attention.out_weight.size(0));
    }
  }
  return 2 * 3 * products / static_cast<double>(lengths_.size());
}

}  // namespace tandem::bench
