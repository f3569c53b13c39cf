#include <tandem/autograd/tape.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/shape.h>
#include <tandem/people/explain.h>
#include <tandem/people/unit.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace tandem::people {
namespace {

/// The last layer whose output is still a picture of more than one pixel, counted from 1; 0 when there is none.
size_t last_picture(const nn::Sequential& net) {
  for (size_t i = net.shapes().size(); i-- > 0;)
    if (const Shape& s = net.shapes()[i]; s.rank() == 3 && s[0] * s[1] > 1) return i + 1;
  return 0;
}

Tensor summed_channels(const Tensor& values) { return sum(values, 2); }

/// Grad-CAM at the last layer that still has a picture, brought to the input's size.
Tensor class_map(const tasks::Classifier& model, const Tensor& x, int32_t target) {
  const size_t cut = last_picture(model.net);
  if (cut == 0)
    fail("grad_cam",
         "this network has no layer whose output is a picture (the first one flattens): choose another method");
  const auto net = off_the_tape(model.net);
  nn::Pass pass;
  const Tensor front = net->forward_part(0, cut, x.view(x.shape().inserted(0, 1)), pass);
  const Score rest = [&](const Tensor& activations) {
    nn::Pass own;
    return unit_of(net->forward_part(cut, net->layers().size(), activations, own), target);
  };
  const Tensor map = grad_cam(rest, front.view(front.shape().without(0)));
  return tasks::resize_batch(map.view({1, map.size(0), map.size(1), 1}), x.size(0), x.size(1))
      .view({x.size(0), x.size(1)});
}

/// Shapley values of the picture's tiles, each spread evenly over its pixels.
Tensor tile_map(const Score& score, const Tensor& x, const Tensor& black, int64_t side, const ExplainOptions& o) {
  const int64_t h = x.size(0), w = x.size(1), c = x.size(2);
  const int64_t across = (w + side - 1) / side, players = (h + side - 1) / side * across;
  const auto tile_of = [&](int64_t pixel) { return pixel / w / side * across + pixel % w / side; };
  const SetFunction worth = [&](std::span<const uint8_t> coalitions, int64_t n) {
    const NoGrad off;
    std::vector<double> out;
    constexpr int64_t most = 64;
    for (int64_t first = 0; first * n < std::ssize(coalitions); first += most) {
      const int64_t count = std::min(most, std::ssize(coalitions) / n - first);
      Tensor inputs = Tensor::empty({count, h, w, c});
      float* into = inputs.data<float>().data();
      for (int64_t i = 0; i < count; ++i)
        for (int64_t pixel = 0; pixel < h * w; ++pixel, into += c) {
          const bool there = coalitions[static_cast<size_t>((first + i) * n + tile_of(pixel))] != 0;
          std::copy_n((there ? x : black).data<const float>().data() + pixel * c, c, into);
        }
      const Tensor got = score(inputs);
      for (int64_t i = 0; i < count; ++i) out.push_back(got.at(i));
    }
    return out;
  };
  const std::vector<double> value = shapley_sampled(worth, players, o.samples, o.seed).values;
  std::vector<double> pixels(value.size(), 0);
  for (int64_t p = 0; p < h * w; ++p) pixels[static_cast<size_t>(tile_of(p))] += 1;
  Tensor map = Tensor::empty({h, w});
  for (int64_t p = 0; p < h * w; ++p) {
    const auto tile = static_cast<size_t>(tile_of(p));
    map.data<float>()[static_cast<size_t>(p)] = static_cast<float>(value[tile] / pixels[tile]);
  }
  return map;
}

}  // namespace

const std::vector<std::string>& explain_methods() {
  static const std::vector<std::string> names{
      "gradient_input", "integrated_gradients", "smooth_grad", "grad_cam", "occlusion", "shapley"};
  return names;
}

Score score_of(const tasks::Classifier& model, int32_t target) {
  return [net = off_the_tape(model.net), target](const Tensor& inputs) {
    nn::Pass pass;
    return unit_of(net->forward(inputs, pass), target);
  };
}

Tensor input_of(const tasks::Classifier& model, const Tensor& picture) {
  if (picture.rank() != 3) fail("explain", "takes a picture (h, w, c), got shape {}", picture.shape());
  const int64_t first[] = {0};
  const data::Dataset one{
      .inputs = picture.view(picture.shape().inserted(0, 1)), .labels = {0}, .classes = model.classes, .source = {}};
  return tasks::make_batch(model.image(), one, first, {}, {}).view(picture.shape());
}

Tensor black_input(const tasks::Classifier& model) {
  return input_of(model, Tensor::zeros(model.image().shape(), DType::u8));
}

Explanation explain(const tasks::Classifier& model, const Tensor& picture, const ExplainOptions& o) {
  check_asked(model, o.method, explain_methods(), o.target);
  const Tensor x = input_of(model, picture), black = black_input(model);
  const Shape one = x.shape().inserted(0, 1);

  Explanation out{.method = o.method};
  {
    const NoGrad off;
    nn::Pass pass;
    const auto net = off_the_tape(model.net);
    const Tensor outputs = net->forward(x.view(one), pass), dark = net->forward(black.view(one), pass);
    out.target = o.target >= 0 ? static_cast<int32_t>(o.target)
                               : model.answer(model.calibrated(model.probabilities(outputs)).data<const float>());
    out.output = unit_of(outputs, out.target).item();
    out.black_output = unit_of(dark, out.target).item();
  }
  const Score score = score_of(model, out.target);
  const int64_t shorter = std::min(x.size(0), x.size(1));
  const int64_t window = o.window > 0 ? o.window : std::max<int64_t>(1, (shorter + 6) / 7);
  if (o.method == "gradient_input") {
    out.map = summed_channels(gradient_input(score, x, black));
  } else if (o.method == "integrated_gradients") {
    out.map = summed_channels(integrated_gradients(score, x, black).values);
  } else if (o.method == "smooth_grad") {
    double range = 0;  // from black to white in the network's units, the mean over channels
    for (const double s : model.image().std) range += 1 / s / static_cast<double>(model.image().std.size());
    out.map = summed_channels(smooth_grad(score, x, black, o.noise * range, o.samples, o.seed));
  } else if (o.method == "grad_cam") {
    out.map = class_map(model, x, out.target);
  } else if (o.method == "occlusion") {
    out.map = occlusion(score, x, black, window, std::max<int64_t>(1, window / 2));
  } else {
    out.map = tile_map(score, x, black, window, o);
  }
  out.gap = std::numeric_limits<double>::quiet_NaN();
  if (o.method == "integrated_gradients" || o.method == "shapley") {
    double total = 0;
    for (const float v : out.map.data<const float>()) total += static_cast<double>(v);
    out.gap = gap_of(total, out.output - out.black_output);
  }
  return out;
}

Neighbours::Neighbours(tasks::Classifier& model, const data::Dataset& set)
    : features_(model.outputs(set).features), labels_(set.labels) {}

std::vector<Neighbours::Neighbour> Neighbours::nearest(std::span<const float> features, int64_t count) const {
  std::vector<Neighbour> out;
  for (const auto& [index, similarity] : features_.to(features, count))
    out.push_back({index, labels_[static_cast<size_t>(index)], similarity});
  return out;
}

}  // namespace tandem::people
