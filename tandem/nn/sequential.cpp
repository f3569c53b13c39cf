#include <tandem/base/text.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/sequential.h>
#include <tandem/ops/arithmetic.h>

namespace tandem::nn {

Sequential::Sequential(const Sequential& other) : Module(other), shapes_(other.shapes_) {
  for (const auto& layer : other.layers_) add(layer->clone());
}

Sequential& Sequential::operator=(const Sequential& other) {
  if (this != &other) *this = Sequential(other);
  return *this;
}

Sequential Sequential::read(const Config& list) {
  if (!list.is_list()) list.fail("expected a list of layers, as in: network: [flatten, linear: 50, relu, linear: 10]");
  Sequential out;
  for (const Config& item : list.items()) out.add(read_layer(item));
  return out;
}

Config Sequential::write() const {
  Config list = Config::list();
  for (const auto& layer : layers_) list.push(write_layer(*layer));
  return list;
}

void Sequential::fields(Fields& f) {
  f.custom(
      "layers", [&](const Config& node) { *this = read(node); }, [&] { return write(); });
}

Shape Sequential::build(const Shape& in, Build& build) {
  shapes_.clear();
  Shape shape = in;
  for (size_t i = 0; i < layers_.size(); ++i) {
    try {
      shape = layers_[i]->build(shape, build);
    } catch (const Error& e) {
      throw Error(e.kind(), fmt::format("layer {}: {}", i, e.what()));
    }
    shapes_.push_back(shape);
  }
  return shape;
}

// A function of each element joins the layer before it. A ReLU changes places with a max pool behind it: the result is
// the same, for fewer numbers.
Tensor Sequential::forward_part(size_t first, size_t last, const Tensor& x, Pass& pass) const {
  const auto function_at = [&](size_t i) { return i < last ? layers_[i]->function() : std::nullopt; };
  const auto before_pool = [&](size_t i) {
    return function_at(i) == kernels::Unary::relu && i + 1 < last &&
           dynamic_cast<const MaxPool2d*>(layers_[i + 1].get()) != nullptr;
  };
  Tensor y = x;
  if (pass.each) {
    for (size_t i = first; i < last; ++i) y = pass.each(*layers_[i], y, pass);
    return y;
  }
  for (size_t i = first; i < last; ++i) {
    if (before_pool(i)) {
      y = layers_[i + 1]->forward_then(kernels::Unary::relu, y, pass);
      ++i;
    } else if (const auto f = function_at(i + 1); f && !before_pool(i + 1)) {
      y = layers_[i]->forward_then(*f, y, pass);
      ++i;
    } else {
      y = layers_[i]->forward(y, pass);
    }
  }
  return y;
}

Tensor Sequential::forward(const Tensor& x, Pass& pass) { return forward_part(0, layers_.size(), x, pass); }

size_t Sequential::head() const {
  for (size_t i = layers_.size(); i-- > 0;) {
    bool any = false;
    layers_[i]->visit("", [&](const std::string&, Tensor&, bool trained) { any = any || trained; });
    if (any && layers_[i]->kind() != "batch_norm") return i;
  }
  return 0;
}

Tensor Sequential::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  if (layers_.empty() || layers_.back()->function()) return Module::forward_then(f, x, pass, added);
  return layers_.back()->forward_then(f, forward_part(0, layers_.size() - 1, x, pass), pass, added);
}

void Sequential::visit(const std::string& at, const Visitor& v) {
  for (size_t i = 0; i < layers_.size(); ++i) layers_[i]->visit(fmt::format("{}{}.", at, i), v);
}

int64_t Sequential::multiply_adds(const Shape& in) const {
  int64_t total = 0;
  for (size_t i = 0; i < layers_.size(); ++i) total += layers_[i]->multiply_adds(i == 0 ? in : shapes_[i - 1]);
  return total;
}

void Residual::fields(Fields& f) {
  f.custom(
      "body", [&](const Config& node) { body = Sequential::read(node); }, [&] { return body.write(); });
  f.custom(
      "shortcut", [&](const Config& node) { shortcut = Sequential::read(node); },
      [&] { return shortcut.empty() ? Config() : shortcut.write(); });
}

Shape Residual::build(const Shape& in, Build& build) {
  if (body.empty()) fail("residual", "body is empty: give a list of layers");
  const Shape out = body.build(in, build);
  const Shape side = shortcut.build(in, build);
  if (out != side)
    fail("residual", "body gives shape {} but the {} gives {}: {}", out, shortcut.empty() ? "input itself" : "shortcut",
         side, "add a shortcut with a 1x1 convolution of the same stride and filters");
  return out;
}

Tensor Residual::forward(const Tensor& x, Pass& pass) { return body.forward(x, pass) + shortcut.forward(x, pass); }

Tensor Residual::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  if (added.defined()) return Module::forward_then(f, x, pass, added);
  const Tensor side = shortcut.forward(x, pass);
  return body.forward_then(f, x, pass, side);
}

void Residual::visit(const std::string& at, const Visitor& v) {
  body.visit(at + "body.", v);
  shortcut.visit(at + "shortcut.", v);
}

int64_t Residual::multiply_adds(const Shape& in) const { return body.multiply_adds(in) + shortcut.multiply_adds(in); }

}  // namespace tandem::nn
