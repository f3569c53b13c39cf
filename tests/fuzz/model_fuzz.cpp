// Models: a good file in which one text of the metadata is what libFuzzer says, and it is loaded and asked.
#include <tandem/tasks/classifier.h>
#include <tandem/tensor/safetensors.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

namespace {

TensorFile good_file() {
  tasks::Classifier model;
  model.net = nn::Sequential::read(
      Config::parse("[conv: {filters: 2, kernel: 3}, batch_norm, relu, flatten, linear: classes]", "good"));
  model.input = tasks::ImageInput{6, 6, 1, {0.2}, {0.05}};
  model.classes = {"a", "b"};
  model.build(Rng(1, "good"));
  const std::string path = "/dev/shm/tandem-model-fuzz-" + std::to_string(::getpid());
  model.save(path);
  TensorFile out = read_safetensors(path);
  ::unlink(path.c_str());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TensorFile good = good_file();
  fuzz::Bytes bytes(data, size);
  static const char* const keys[] = {"network", "network", "network", "input",      "views",     "classes",
                                     "loss",    "task",    "format",  "confidence", "threshold", "sparse"};
  const std::string key = keys[fuzz::choice(bytes) % std::size(keys)];
  TensorFile spoilt = good;
  spoilt.metadata["tandem." + key] = fuzz::text_of(bytes);
  return fuzz::attempt([&] {
    const fuzz::MemoryFile file(format_safetensors(spoilt));
    tasks::Classifier model = tasks::Classifier::load(file.path());
    const auto* pictures = std::get_if<tasks::ImageInput>(&model.input);
    if (pictures == nullptr || pictures->shape().numel() > 10'000) return;
    data::Dataset set;
    set.classes = model.classes;
    set.labels = {0};
    set.inputs = Tensor::zeros(Shape{1, pictures->height, pictures->width, pictures->channels}, DType::u8);
    fuzz::demand(model.predict(set).size() == model.classes.size());
  });
}
