#include <tandem/base/text.h>
#include <tandem/nn/inference.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/tasks/distillation.h>

#include <cmath>
#include <memory>

namespace tandem::tasks {

void TeachOptions::fields(Fields& f) {
  f("from", from);
  f("temperature", temperature, {0.1, 100});
  f("share", share, {0, 1});
}

namespace {
void expect_temperature(double temperature) {
  if (!(temperature > 0 && temperature <= 1e6)) fail("teach", "a temperature of {} is not possible", temperature);
}
}  // namespace

Tensor softened(const Tensor& probabilities, double temperature) {
  if (probabilities.rank() != 2 || probabilities.dtype() != DType::f32)
    fail("teach", "takes float32 probabilities (n, classes), got {} {}", name_of(probabilities.dtype()),
         probabilities.shape());
  expect_temperature(temperature);
  Tensor out = Tensor::empty(probabilities.shape());
  const auto classes = static_cast<size_t>(probabilities.size(1));
  for (size_t first = 0; first < static_cast<size_t>(out.numel()); first += classes) {
    const auto from = probabilities.data<const float>().subspan(first, classes);
    const auto into = out.data<float>().subspan(first, classes);
    std::vector<double> powers;
    double sum = 0;
    for (const float p : from) sum += powers.emplace_back(std::pow(static_cast<double>(p), 1 / temperature));
    for (size_t c = 0; c < classes; ++c) into[c] = static_cast<float>(powers[c] / sum);
  }
  return out;
}

namespace {

/// Pictures as one network is given them, as another is.
Tensor renormalised(const Tensor& x, const ImageInput& from, const ImageInput& to) {
  const auto channels = static_cast<size_t>(from.channels);
  std::vector<float> scale, shift;
  for (size_t c = 0; c < channels; ++c) {
    scale.push_back(static_cast<float>(from.std[c] / to.std[c]));
    shift.push_back(static_cast<float>((from.mean[c] - to.mean[c]) / to.std[c]));
  }
  Tensor out = Tensor::empty(x.shape());
  const auto values = x.data<const float>();
  for (size_t i = 0; i < values.size(); ++i)
    out.data<float>()[i] = values[i] * scale[i % channels] + shift[i % channels];
  return out;
}

/// Networks that look at pictures, each ready to predict.
struct Onlookers {
  Ensemble teachers;
  std::vector<nn::Sequential> ready;
  ImageInput pupil;

  [[nodiscard]] Tensor probabilities(const Tensor& x) const {
    std::vector<std::vector<float>> opinions;
    for (size_t i = 0; i < ready.size(); ++i) {
      const Classifier& teacher = teachers.members[i];
      Tensor p = teacher.outputs(ready[i], {renormalised(x, pupil, teacher.image())}).probabilities;
      if (teacher.confidence) p = teacher.confidence->calibrated(p);
      opinions.emplace_back(p.data<const float>().begin(), p.data<const float>().end());
    }
    return Tensor::from(Ensemble::mean(opinions), {x.size(0), std::ssize(teachers.classes())});
  }
};

}  // namespace

Taught teaching(Ensemble teachers, const Input& pupil, const data::Dataset& train, double temperature) {
  if (teachers.classes() != train.classes)
    fail("teach", "{} knows the classes {}, the data has {}", teachers.names[0], join(teachers.classes()),
         join(train.classes));
  const auto* pictures = std::get_if<ImageInput>(&pupil);
  if (!pictures) {
    const auto all = std::make_shared<const Tensor>(
        softened(Tensor::from(Ensemble::mean(teachers.opinions(train)), {train.size(), std::ssize(train.classes)}),
                 temperature));
    return [all](std::span<const int64_t> examples, const Tensor&) {
      Tensor out = Tensor::empty({std::ssize(examples), all->size(1)});
      for (int64_t i = 0; i < std::ssize(examples); ++i) {
        const int64_t row = examples[static_cast<size_t>(i)];
        std::ranges::copy(all->rows(row, row + 1).data<const float>(), out.rows(i, i + 1).data<float>().begin());
      }
      return out;
    };
  }
  const auto onlookers = std::make_shared<Onlookers>();
  for (size_t i = 0; i < teachers.members.size(); ++i) {
    const ImageInput& own = teachers.members[i].image();
    if (own.shape() != pictures->shape())
      fail(ErrorKind::data, "teach",
           "{} looks at pictures of {}x{}x{}, they are {}x{}x{}: set data.size and data.channels", teachers.names[i],
           own.height, own.width, own.channels, pictures->height, pictures->width, pictures->channels);
    onlookers->ready.push_back(nn::for_inference(teachers.members[i].net));
  }
  onlookers->pupil = *pictures;
  onlookers->teachers = std::move(teachers);
  return [onlookers, temperature](std::span<const int64_t>, const Tensor& x) {
    return softened(onlookers->probabilities(x), temperature);
  };
}

Tensor distillation_loss(const LossOptions& loss, const Tensor& outputs, const Tensor& taught, double temperature) {
  if (loss.type == "binary_cross_entropy")
    fail("teach",
         "a temperature is for logits: end the network before its sigmoid, with loss: "
         "binary_cross_entropy_logits");
  expect_temperature(temperature);
  return tasks::loss({.type = loss.type}, outputs / temperature, taught, {}) * (temperature * temperature);
}

}  // namespace tandem::tasks
