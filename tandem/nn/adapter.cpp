#include <tandem/nn/adapter.h>
#include <tandem/nn/catalog.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>

#include <algorithm>

namespace tandem::nn {
namespace {

/// Puts other tensors into a layer for the time of one pass.
class Replaced {
 public:
  explicit Replaced(Module& layer) {
    layer.visit("", [&](const std::string& name, Tensor& slot, bool) { slots_.emplace_back(name, &slot); });
  }
  ~Replaced() {
    for (auto& [slot, tensor] : before_) *slot = tensor;
  }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;
  [[nodiscard]] const Tensor& at(const std::string& name) const { return *slot(name); }
  void put(const std::string& name, const Tensor& tensor) {
    before_.emplace_back(slot(name), *slot(name));
    *slot(name) = tensor;
  }

 private:
  [[nodiscard]] Tensor* slot(const std::string& name) const {
    const auto found = std::ranges::find(slots_, name, &std::pair<std::string, Tensor*>::first);
    if (found == slots_.end()) fail(ErrorKind::internal, "lora", "the layer has no tensor '{}'", name);
    return found->second;
  }
  std::vector<std::pair<std::string, Tensor*>> slots_;
  std::vector<std::pair<Tensor*, Tensor>> before_;
};

// "query.weight" -> "query.lora_A.weight"; "weight_ih_l0" -> "weight_ih_l0.lora_A.weight".
std::string lora_name(const std::string& tensor, const char* which) {
  std::string module = tensor;
  if (module == "weight") return fmt::format("lora_{}.weight", which);
  if (module.ends_with(".weight")) module.resize(module.size() - std::string_view(".weight").size());
  return fmt::format("{}.lora_{}.weight", module, which);
}

}  // namespace

void Around::hold(std::unique_ptr<Module> layer) {
  within = Sequential();
  within.add(std::move(layer));
}

void Around::fields(Fields& f) {
  f.custom(
      "layer", [&](const Config& node) { hold(read_layer(node)); },
      [&] { return within.empty() ? Config() : write_layer(layer()); });
}

Shape Around::build(const Shape& in, Build& build) {
  if (within.empty()) fail(kind(), "has no layer to adapt: give one, as in {}: {{layer: {{linear: 10}}}}", kind());
  return layer().build(in, build);
}

void Around::visit_layer(const std::string& at, const Visitor& v) const {
  if (!within.empty()) layer().visit(at, [&](const std::string& name, Tensor& t, bool) { v(name, t, false); });
}

void Lora::fields(Fields& f) {
  f("rank", rank, {1, 1e5});
  f("alpha", alpha, {1e-6, 1e6});
  f("tensors", tensors);
  Around::fields(f);
}

Shape Lora::build(const Shape& in, Build& build) {
  const Shape out = Around::build(in, build);
  build_pairs(build);
  return out;
}

void Lora::build_pairs(Build& build) {
  pairs.clear();
  layer().visit("", [&](const std::string& name, Tensor& t, bool) {
    if (t.rank() != 2 || !fits_any(name, tensors)) return;
    pairs.push_back({name, build.uniform({rank, t.size(1)}, t.size(1)), build.full({t.size(0), rank}, 0)});
  });
  if (pairs.empty())
    fail("lora", "the layer {} has no weight of two axes that fits the patterns given", layer().kind());
}

Tensor Lora::change(const Pair& pair) const { return matmul(pair.b, pair.a) * (alpha / static_cast<double>(rank)); }

Tensor Lora::forward(const Tensor& x, Pass& pass) {
  Replaced weights(layer());
  for (const Pair& pair : pairs) weights.put(pair.tensor, weights.at(pair.tensor) + change(pair));
  return layer().forward(x, pass);
}

void Lora::visit(const std::string& at, const Visitor& v) {
  visit_layer(at, v);
  for (Pair& pair : pairs) {
    v(at + lora_name(pair.tensor, "A"), pair.a, true);
    v(at + lora_name(pair.tensor, "B"), pair.b, true);
  }
}

std::unique_ptr<Module> Lora::merged() const {
  std::unique_ptr<Module> out = layer().clone();
  out->visit("", [&](const std::string& name, Tensor& t, bool) {
    const auto pair = std::ranges::find(pairs, name, &Pair::tensor);
    if (pair != pairs.end()) t = (t + change(*pair)).detach();
  });
  return out;
}

void Bottleneck::fields(Fields& f) {
  f("units", units, {1, 1e6});
  Around::fields(f);
}

Shape Bottleneck::build(const Shape& in, Build& build) {
  const Shape out = Around::build(in, build);
  build_adapter(out, build);
  return out;
}

void Bottleneck::build_adapter(const Shape& out, Build& build) {
  if (out.rank() < 1) fail("bottleneck", "stands behind a layer that gives vectors, got shape {}", out);
  const int64_t d = out[-1];
  down = build.uniform({units, d}, d), down_bias = build.full({units}, 0);
  up = build.full({d, units}, 0), up_bias = build.full({d}, 0);
}

Tensor Bottleneck::forward(const Tensor& x, Pass& pass) {
  const Tensor y = layer().forward(x, pass);
  const Tensor between = gelu(linear(y, down, down_bias, std::nullopt, pass.bf16));
  return y + linear(between, up, up_bias, std::nullopt, pass.bf16);
}

void Bottleneck::visit(const std::string& at, const Visitor& v) {
  visit_layer(at, v);
  v(at + "adapter.down.weight", down, true);
  v(at + "adapter.down.bias", down_bias, true);
  v(at + "adapter.up.weight", up, true);
  v(at + "adapter.up.bias", up_bias, true);
}

bool fits(std::string_view name, std::string_view pattern) {
  // Greedy, with one place to go back to: linear in practice, never exponential.
  size_t n = 0, p = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool fits_any(std::string_view name, const std::vector<std::string>& patterns) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return fits(name, pattern); });
}

}  // namespace tandem::nn
