// ONNX files: read, and followed to a network that is asked about a picture.
#include <tandem/deploy/onnx/import.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::Bytes bytes(data, size);
  return fuzz::attempt([&] {
    tasks::Classifier model =
        deploy::onnx::classifier_of(fuzz::text_of(bytes), "fuzz.onnx", {.height = 16, .width = 16});
    if (model.image().shape().numel() > 10'000) return;
    data::Dataset set;
    set.classes = model.classes;
    set.labels = {0};
    const Shape picture = model.image().shape();
    set.inputs = Tensor::zeros(Shape{1, picture[0], picture[1], picture[2]}, DType::u8);
    fuzz::demand(model.predict(set).size() == model.classes.size());
  });
}
