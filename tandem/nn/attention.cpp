#include <tandem/autograd/tape.h>
#include <tandem/nn/attention.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/shape.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tandem::nn {
namespace {

// Adds each sequence's part of `rows`, from column `first` on, to what is kept of it.
void append(const Tensor& rows, int64_t first, int64_t width, const Lengths& lengths, Tensor KeyValues::*into,
            std::vector<KeyValues>& caches) {
  const float* from = rows.data<const float>().data() + first;
  for (size_t s = 0; s < lengths.size(); ++s) {
    Tensor& t = caches[s].*into;
    const int64_t old = caches[s].rows, needed = old + lengths[s];
    if (!t.defined() || t.size(0) < needed) {
      const Tensor larger = Tensor::empty({std::max<int64_t>(needed, 2 * old + 16), width});
      if (t.defined()) std::copy_n(t.data<const float>().data(), old * width, larger.data<float>().data());
      t = larger;
    }
    for (int64_t i = 0; i < lengths[s]; ++i, from += rows.size(1))
      std::copy_n(from, width, t.data<float>().data() + (old + i) * width);
  }
}

// Of keys and values side by side.
void append(const Tensor& rows, int64_t keys_at, int64_t width, const Lengths& lengths,
            std::vector<KeyValues>& caches) {
  if (caches.empty()) caches.resize(lengths.size());
  if (caches.size() != lengths.size())
    fail("attention", "the memory holds {} sequences, the batch {}: keep() says which go on", caches.size(),
         lengths.size());
  append(rows, keys_at, width, lengths, &KeyValues::keys, caches);
  append(rows, keys_at + width, width, lengths, &KeyValues::values, caches);
  for (size_t s = 0; s < lengths.size(); ++s) caches[s].rows += lengths[s];
}

}  // namespace

void Attention::fields(Fields& f) {
  f("heads", heads, {1, 4096});
  f("key_heads", key_heads, {0, 4096});
  f("causal", causal);
  f("cross", cross);
  f("rotary", rotary);
  f("rotary_base", rotary_base, {1, 1e12});
  f("bias", with_bias);
}

Shape Attention::build(const Shape& in, Build& build) {
  if (in.rank() != 1) fail("attention", "takes a vector a token, got shape {}: put an embedding before it", in);
  if (heads == 0) fail("attention", "heads is missing: give a number that divides the width {}", in[0]);
  if (in[0] % heads != 0) fail("attention", "width {} cannot be divided into {} heads", in[0], heads);
  const int64_t width = in[0], size = width / heads, shared = options().shared();
  if (heads % shared != 0) fail("attention", "{} heads cannot share {} heads of keys", heads, shared);
  if (rotary && size % 2 != 0) fail("attention", "rotary positions need heads of an even size, got {}", size);
  if (cross && (causal || rotary)) fail("attention", "cross: true goes with neither causal nor rotary");
  if (cross && build.source.rank() == 1 && build.source != in)
    fail("attention", "looks at vectors of shape {}, but its own have {}: give both one width", build.source, in);
  const int64_t rows = (heads + 2 * shared) * size;
  in_weight = build.parameter({rows, width});
  const double bound = std::sqrt(6.0 / static_cast<double>(rows + width));  // Glorot and Bengio 2010, as in PyTorch
  for (float& value : in_weight.data<float>()) value = static_cast<float>(build.rng.uniform(-bound, bound));
  out_weight = build.uniform({width, width}, width);
  in_bias = with_bias ? build.full({rows}, 0) : Tensor{}, out_bias = with_bias ? build.full({width}, 0) : Tensor{};
  return in;
}

Tensor Attention::forward(const Tensor& x, Pass& pass) {
  if (watch && !cross) watch(weights(x, pass));
  return linear(cross ? attend_source(x, pass) : attend_self(x, pass), out_weight, out_bias, std::nullopt, pass.bf16);
}

Tensor Attention::weights(const Tensor& x, const Pass& pass) const {
  if (pass.lengths.size() != 1 || pass.memory)
    fail("attention", "the weights of {} sequences are asked for: give one, whole", pass.lengths.size());
  const NoGrad off;
  const int64_t n = x.size(0), shared = options().shared(), size = out_weight.size(0) / heads;
  Tensor qkv = linear(x, in_weight, in_bias);
  if (rotary) qkv = tandem::rotary(qkv, positions_of(pass, nullptr, n), heads + shared, size, rotary_base);
  const auto head = [&](int64_t at) { return slice(qkv, 1, at * size, (at + 1) * size); };
  Tensor mask = Tensor::zeros({n, n});
  for (int64_t i = 0; causal && i < n; ++i)
    std::ranges::fill(mask.rows(i, i + 1).data<float>().subspan(static_cast<size_t>(i + 1)),
                      -std::numeric_limits<float>::infinity());
  Tensor mean = Tensor::zeros({n, n});
  for (int64_t h = 0; h < heads; ++h) {
    const Tensor q = head(h), k = head(heads + h / (heads / shared));
    const Tensor scores = linear(q, k, {}) / std::sqrt(static_cast<double>(size));  // q kᵀ
    mean = mean + softmax(scores + mask) / static_cast<double>(heads);
  }
  return mean;
}

Tensor Attention::attend_self(const Tensor& x, Pass& pass) const {
  const int64_t shared = options().shared(), size = out_weight.size(0) / heads;
  Memory::Part* memory = pass.memory ? &pass.memory->of(this) : nullptr;
  if (memory && !causal)
    fail("attention", "lets tokens see later ones, so it cannot go on with a text in parts: set causal: true");
  Tensor qkv = linear(x, in_weight, in_bias, std::nullopt, pass.bf16);
  if (rotary)
    qkv = tandem::rotary(qkv, positions_of(pass, memory ? &memory->seen : nullptr, x.size(0)), heads + shared, size,
                         rotary_base);
  if (!memory) return attention(qkv, pass.lengths, options());
  expect_lengths("attention", pass.lengths, x.size(0));
  append(qkv, heads * size, shared * size, pass.lengths, memory->caches);
  return attention(slice(qkv.detach(), 1, 0, heads * size), pass.lengths, memory->caches, options());
}

// The source's keys and values stay the same from call to call: a memory keeps them after the first.
Tensor Attention::attend_source(const Tensor& x, Pass& pass) const {
  const int64_t width = out_weight.size(0), rows = in_weight.size(0), columns = (rows - width) / 2;
  const auto part = [&](const Tensor& t, int64_t first, int64_t last) {
    return t.defined() ? slice(t, 0, first, last) : Tensor{};
  };
  const auto project = [&](const Tensor& of, int64_t first, int64_t last) {
    return linear(of, part(in_weight, first, last), part(in_bias, first, last), std::nullopt, pass.bf16);
  };
  const Tensor q = project(x, 0, width);
  Memory::Part* memory = pass.memory ? &pass.memory->of(this) : nullptr;
  if (memory && !memory->caches.empty()) return attention(q.detach(), pass.lengths, memory->caches, options());
  if (!pass.source.defined()) fail("attention", "cross: true looks at another text, but the pass has no source");
  if (memory) {
    append(project(pass.source, width, rows), 0, columns, pass.source_lengths, memory->caches);
    return attention(q.detach(), pass.lengths, memory->caches, options());
  }
  return attention(q, project(pass.source, width, width + columns), project(pass.source, width + columns, rows),
                   pass.lengths, pass.source_lengths, options());
}

void Attention::visit(const std::string& at, const Visitor& v) {
  v(at + "in_proj_weight", in_weight, true);
  if (with_bias) v(at + "in_proj_bias", in_bias, true);
  v(at + "out_proj.weight", out_weight, true);
  if (with_bias) v(at + "out_proj.bias", out_bias, true);
}

}  // namespace tandem::nn
