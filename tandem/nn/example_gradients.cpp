#include <tandem/autograd/tape.h>
#include <tandem/kernels/conv.h>
#include <tandem/kernels/matmul.h>
#include <tandem/kernels/optim.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/example_gradients.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/weights.h>

#include <map>

namespace tandem::nn {
namespace {

bool has_parameters(Module& layer) { return count(layer).trained > 0; }

Tensor column_sums(const Tensor& rows) {  // (..., columns) -> (columns)
  const int64_t columns = rows.size(-1);
  Tensor out = Tensor::zeros({columns});
  const auto from = rows.data<const float>();
  const auto into = out.data<float>();
  for (size_t i = 0; i < from.size(); i += into.size())
    for (size_t c = 0; c < into.size(); ++c) into[c] += from[i + c];
  return out;
}

// The gradient of the layer's trained tensors, in the order of visit(), summed over the rows of x and gy.
std::vector<Tensor> gradient(const Linear& layer, const Tensor& x, const Tensor& gy) {
  const int64_t in = layer.weight.size(1), out = layer.weight.size(0), rows = x.numel() / in;
  std::vector<Tensor> grads{Tensor::empty({out, in})};
  kernels::matmul({.m = out, .n = in, .k = rows, .transpose_a = true}, gy.data<const float>(), x.data<const float>(),
                  {}, grads[0].data<float>());
  if (layer.with_bias) grads.push_back(column_sums(gy));
  return grads;
}

std::vector<Tensor> gradient(const Conv2d& layer, const Tensor& x, const Tensor& gy) {
  const Conv2dOptions o = layer.options();
  const Shape& s = x.shape();
  const kernels::ConvShape shape{s[0],     s[1],     s[2],      s[3],      layer.filters, layer.kernel, layer.kernel,
                                 o.stride, o.stride, o.padding, o.padding, o.dilation,    o.dilation,   o.groups};
  std::vector<Tensor> grads{Tensor::empty(layer.weight.shape())};
  kernels::conv2d_grad_weight(shape, x.data<const float>(), gy.data<const float>(), grads[0].data<float>());
  if (layer.with_bias) grads.push_back(column_sums(gy));
  return grads;
}

std::vector<Tensor> gradient(const Module& layer, const Tensor& x, const Tensor& gy) {
  if (const auto* linear = dynamic_cast<const Linear*>(&layer)) return gradient(*linear, x, gy);
  if (const auto* conv = dynamic_cast<const Conv2d*>(&layer)) return gradient(*conv, x, gy);
  const std::unique_ptr<Module> own = layer.clone();  // any other: by the tape, the layer alone
  const std::vector<Tensor> leaves = trained(*own);
  Pass pass{true, {}};
  backward(own->forward(x, pass), gy);
  std::vector<Tensor> grads;
  for (const Tensor& leaf : leaves) {
    const Tensor g = grad_of(leaf);
    grads.push_back(g.defined() ? g : Tensor::zeros(leaf.shape()));
  }
  return grads;
}

double squares(const Tensor& x) { return kernels::sum_of_squares(x.data<const float>()); }

}  // namespace

Tensor ExampleGradients::Seen::grad() const {
  const Tensor g = grad_of(output);
  return g.defined() ? g : Tensor::zeros(output.shape());  // the loss does not depend on this layer
}

Tensor ExampleGradients::forward(const Tensor& x, Pass pass) {
  examples_ = x.size(0);
  seen_.clear();
  pass.each = [this](Module& layer, const Tensor& in, Pass& p) {
    const uint64_t drawn = p.rng.counter;
    const Tensor y = layer.forward(in, p);
    if (layer.holds_layers() || !has_parameters(layer)) return y;
    if (p.rng.counter != drawn || in.size(0) != examples_ || y.size(0) != examples_)
      fail("example gradients",
           "{} layers draw random numbers or mix rows ({} of {} examples): the gradient of an example alone is not "
           "defined",
           layer.kind(), y.size(0), examples_);
    Tensor output = y.detach();
    require_grad(output);
    seen_.push_back({&layer, in.detach(), output});
    return with_grad("example_gradients", y.detach(), {y, output}, [](const Tensor& g, Wanted) { return Grads{g, g}; });
  };
  return net_.forward(x, pass);
}

std::vector<double> ExampleGradients::squared_norms() const {
  std::vector<double> out(static_cast<size_t>(examples_));
  for (const Seen& seen : seen_) {
    const Tensor gy = seen.grad();
    const auto* linear = dynamic_cast<const Linear*>(seen.layer);
    for (int64_t i = 0; i < examples_; ++i) {
      const Tensor x = seen.input.rows(i, i + 1), g = gy.rows(i, i + 1);
      double& sum = out[static_cast<size_t>(i)];
      if (linear && x.rank() == 2)  // an outer product: |g xᵀ|² = |g|² |x|²
        sum += squares(g) * (squares(x) + (linear->with_bias ? 1 : 0));
      else
        for (const Tensor& t : gradient(*seen.layer, x, g)) sum += squares(t);
    }
  }
  return out;
}

std::vector<Tensor> ExampleGradients::sum(std::span<const float> weights) const {
  std::vector<Tensor> out;
  std::map<const void*, size_t> place;  // of a parameter, by its memory
  net_.visit("", [&](const std::string&, Tensor& t, bool trained) {
    if (!trained) return;
    place[t.bytes()] = out.size();
    out.push_back(Tensor::zeros(t.shape()));
  });
  for (const Seen& seen : seen_) {
    const Tensor weighted = seen.grad().clone();
    const auto values = weighted.data<float>();
    const size_t row = values.size() / std::max<size_t>(weights.size(), 1);
    for (size_t i = 0; i < values.size(); ++i) values[i] *= weights[i / row];
    std::vector<Tensor> grads = gradient(*seen.layer, seen.input, weighted);
    size_t next = 0;
    seen.layer->visit("", [&](const std::string&, const Tensor& t, bool trained) {
      if (trained) out[place.at(t.bytes())] = std::move(grads[next++]);
    });
  }
  return out;
}

}  // namespace tandem::nn
