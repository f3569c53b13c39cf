// Models: a good file in which one text of the metadata is what libFuzzer says, and it is loaded and asked.
#include "tests/fuzz/models.h"

using namespace tandem;

namespace {

struct Known {
  std::array<TensorFile, 3> files;
  Known() {
    auto models = fuzz::classifiers("[conv: {filters: 2, kernel: 3}, batch_norm, relu, flatten, linear: classes]",
                                    {6, 6, 1, {0.2}, {0.05}});
    for (size_t i = 0; i < models.size(); ++i) files[i] = fuzz::file_of(models[i]);
  }
};

/// Some examples of what the model reads; no pictures where they would be large.
data::Dataset examples(const tasks::Classifier& model) {
  data::Dataset set{.inputs = fuzz::good_texts(), .labels = {0, 1, 0, 1}, .classes = model.classes, .source = "fuzz"};
  if (std::holds_alternative<tasks::TableInput>(model.input)) set.inputs = fuzz::good_table();
  if (const auto* pictures = std::get_if<tasks::ImageInput>(&model.input)) {
    const int64_t numbers = pictures->shape().numel();
    set.labels.resize(numbers > 10'000 ? 0 : 2);
    set.inputs = Tensor::zeros(Shape{numbers > 10'000 ? 0 : 2, pictures->height, pictures->width, pictures->channels},
                               DType::u8);
  }
  return set;
}

}  // namespace

/// The first byte says which text of which model.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Known known;
  fuzz::Bytes bytes(data, size);
  static const char* const keys[] = {"network", "network", "network", "input",      "views",     "classes",
                                     "loss",    "task",    "format",  "confidence", "threshold", "sparse"};
  const uint8_t what = fuzz::choice(bytes);
  TensorFile spoilt = known.files[what / std::size(keys) % known.files.size()];
  spoilt.metadata[std::string("tandem.") + keys[what % std::size(keys)]] = fuzz::text_of(bytes);
  return fuzz::attempt([&] {
    const fuzz::MemoryFile file(format_safetensors(spoilt));
    tasks::Classifier model = tasks::Classifier::load(file.path());
    const data::Dataset set = examples(model);
    fuzz::demand(model.predict(set).size() == set.labels.size() * model.classes.size());
  });
}
