// A training's state with what libFuzzer says laid over it: restored, and written again.
#include <tandem/train/ensemble.h>
#include <tandem/train/trainer.h>

#include <nlohmann/json.hpp>

#include "tests/fuzz/models.h"

using namespace tandem;

namespace {

struct Known {
  train::Recipe recipe = train::Recipe::read(Config::parse(
      "{network: [flatten, linear: 2, relu, linear: classes], optimizer: {type: adam}, train: {epochs: 2, batch: 2, "
      "average: 0.9}}",
      "fuzz"));
  data::Dataset set{.inputs = Tensor::zeros(Shape{8, 3, 2, 1}, DType::u8),
                    .labels = {0, 1, 0, 1, 0, 1, 0, 1},
                    .classes = {"a", "b"},
                    .source = "fuzz"};
  tasks::Classifier model =
      fuzz::classifier("[flatten, linear: 2, relu, linear: classes]", tasks::ImageInput{3, 2, 1, {0.2}, {0.05}});
  TensorFile state;
  nlohmann::json text;
  Known() {
    train::Trainer trainer(recipe, model, set, set);
    train::Hooks hooks;
    int steps = 0;
    hooks.stop = [&] { return ++steps == 5; };
    (void)trainer.run(hooks);
    state = trainer.checkpoint();
    text = nlohmann::json::parse(state.metadata.at("tandem.state"));
  }
};

}  // namespace

/// There are no teachers here, and so nothing of what reads their runs is compiled.
tasks::Ensemble train::load_ensemble(const std::vector<std::string>&) { std::abort(); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Known known;
  const std::string_view input = fuzz::text_of({data, size});
  TensorFile spoilt = known.state;
  std::string& text = spoilt.metadata.at("tandem.state");
  text = input;  // and as it is, where it is no JSON
  if (const auto patch = nlohmann::json::parse(input, nullptr, false); patch.is_object()) {
    nlohmann::json over = known.text;
    over.merge_patch(patch);
    text = over.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return fuzz::attempt([&] {
    tasks::Classifier model = known.model;
    train::Trainer trainer(known.recipe, model, known.set, known.set);
    trainer.restore(spoilt, "fuzz");
    (void)parse_safetensors(format_safetensors(trainer.checkpoint()), "back");
  });
}
