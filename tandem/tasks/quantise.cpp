#include <tandem/nn/quantise.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/quantise.h>

#include <algorithm>

namespace tandem::tasks {

int64_t int8_numbers(const nn::Sequential& net) {
  int64_t out = 0;
  nn::Sequential same = net;  // visit() may change a network, so it takes no const one
  same.visit("", [&](const std::string&, Tensor& t, bool) { out += t.dtype() == DType::i8 ? t.numel() : 0; });
  return out;
}

Classifier quantised(const Classifier& model, const data::Dataset& train, const QuantiseOptions& options) {
  if (int8_numbers(model.net) > 0)
    fail("quantise", "the network is one of 8-bit integers already: take the one that it was made of");
  if (train.size() == 0) fail(ErrorKind::data, "quantise", "the training part has no examples to learn ranges from");
  std::vector<int64_t> chosen = Rng(options.seed, "quantise").permutation(train.size());
  chosen.resize(static_cast<size_t>(std::min(options.examples, train.size())));
  std::ranges::sort(chosen);

  constexpr size_t batch = 64;
  const auto examples = [&](const nn::Sequential& net, nn::Pass& pass) {
    for (size_t first = 0; first < chosen.size(); first += batch) {
      const std::span<const int64_t> some(chosen.begin() + static_cast<std::ptrdiff_t>(first),
                                          std::min(batch, chosen.size() - first));
      const Batch read = batch_of(model.input, train, some, {}, {});
      pass.lengths = read.lengths;
      (void)net.forward_part(0, net.layers().size(), read.x, pass);
    }
  };
  nn::Sequential net = nn::quantised(model.net, examples);
  Classifier out = model;
  out.net = nn::Sequential::read(net.write());
  out.build(Rng(0, "quantise"));
  nn::assign(out.net, nn::named(net), "quantise");
  out.notes["quantised"] =
      fmt::format("int8, ranges from {} training examples of {}, seed {}", chosen.size(), train.source, options.seed);
  return out;
}

}  // namespace tandem::tasks
