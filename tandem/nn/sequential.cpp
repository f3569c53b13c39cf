#include <tandem/base/text.h>
#include <tandem/nn/catalog.h>
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

Tensor Sequential::forward(const Tensor& x, Pass& pass) {
  Tensor y = x;
  for (const auto& layer : layers_) y = layer->forward(y, pass);
  return y;
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

void Residual::visit(const std::string& at, const Visitor& v) {
  body.visit(at + "body.", v);
  shortcut.visit(at + "shortcut.", v);
}

int64_t Residual::multiply_adds(const Shape& in) const { return body.multiply_adds(in) + shortcut.multiply_adds(in); }

}  // namespace tandem::nn
