#include <tandem/nn/sequence.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/shape.h>

namespace tandem::nn {
namespace {

const std::vector<std::string> poolings{"mean", "max", "last", "first"};

}  // namespace

void Conv1d::fields(Fields& f) {
  f("filters", filters, {1, 1e6});
  f("kernel", kernel, {1, 1e4});
  f("padding", padding, {"same", "valid"});
  f("dilation", dilation, {1, 1e4});
  f("bias", with_bias);
}

Shape Conv1d::build(const Shape& in, Build& build) {
  if (in.rank() != 1) fail("conv1d", "takes a vector a token, got shape {}: put an embedding before it", in);
  if (filters == 0) fail("conv1d", "filters is missing: give how many, as in conv1d: {{filters: 100, kernel: 3}}");
  weight = build.uniform({filters, in[0], kernel}, in[0] * kernel);
  bias = with_bias ? build.uniform({filters}, in[0] * kernel) : Tensor{};
  return {filters};
}

Tensor Conv1d::forward(const Tensor& x, Pass& pass) {
  const Conv1dOptions options{dilation, padding == "same"};
  const Lengths before = pass.lengths;
  pass.lengths = conv1d_lengths(before, kernel, options);
  return conv1d(x, before, weight, bias, options);
}

void Conv1d::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, true);
  if (with_bias) v(at + "bias", bias, true);
}

void PoolSequence::fields(Fields& f) { f("how", how, poolings); }

Shape PoolSequence::build(const Shape& in, Build&) {
  if (in.rank() != 1) fail("pool_sequence", "takes a vector a token, got shape {}: put an embedding before it", in);
  return in;
}

Tensor PoolSequence::forward(const Tensor& x, Pass& pass) {
  const auto which = std::ranges::find(poolings, how) - poolings.begin();
  const Tensor y = pool_sequences(x, pass.lengths, static_cast<Pooling>(which));
  pass.lengths.clear();
  return y;
}

void Parallel::fields(Fields& f) {
  f.custom(
      "branches",
      [&](const Config& node) {
        if (!node.is_list()) node.fail("expected a list of branches, each a list of layers");
        branches.clear();
        for (const Config& item : node.items()) branches.push_back(Sequential::read(item));
      },
      [&] {
        Config list = Config::list();
        for (const Sequential& branch : branches) list.push(branch.write());
        return list;
      });
}

Shape Parallel::build(const Shape& in, Build& build) {
  if (branches.empty()) fail("parallel", "branches is empty: give a list of branches, each a list of layers");
  Shape out;
  for (size_t i = 0; i < branches.size(); ++i) {
    const Shape shape = branches[i].build(in, build);
    if (shape.rank() < 1) fail("parallel", "branch {} gives no vectors to join", i);
    if (i > 0 && shape.with(-1, 0) != out.with(-1, 0))
      fail("parallel", "branch {} gives shape {}, those before it {}: all but the last axis must agree", i, shape, out);
    out = i == 0 ? shape : out.with(-1, out[-1] + shape[-1]);
  }
  return out;
}

Tensor Parallel::forward(const Tensor& x, Pass& pass) {
  const Lengths before = pass.lengths;
  std::vector<Tensor> parts;
  Lengths after;
  for (Sequential& branch : branches) {
    pass.lengths = before;
    parts.push_back(widened(branch.forward(x, pass)));
    if (parts.size() > 1 && pass.lengths != after)
      fail("parallel", "branches give sequences of different lengths: set padding: same, or pool each branch");
    after = pass.lengths;
  }
  return concat(parts, -1);
}

void Parallel::visit(const std::string& at, const Visitor& v) {
  for (size_t i = 0; i < branches.size(); ++i) branches[i].visit(fmt::format("{}{}.", at, i), v);
}

int64_t Parallel::multiply_adds(const Shape& in) const {
  int64_t total = 0;
  for (const Sequential& branch : branches) total += branch.multiply_adds(in);
  return total;
}

}  // namespace tandem::nn
