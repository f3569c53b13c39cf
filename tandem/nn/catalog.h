// The layers and whole models that a recipe can name.
#pragma once
#include <tandem/nn/sequential.h>

namespace tandem::nn {

/// Names of all layers.
[[nodiscard]] std::vector<std::string> layer_names();
/// A layer from `relu`, `linear: 10` or `conv: {filters: 32, kernel: 3}`.
[[nodiscard]] std::unique_ptr<Module> read_layer(const Config& node);
/// The same written again, with every default filled in.
[[nodiscard]] Config write_layer(Module& layer);

/// Names of whole models ("lenet", "resnet20", …), and the layers of one; throws with the nearest name when unknown.
[[nodiscard]] std::vector<std::string> model_names();
[[nodiscard]] Sequential model(const std::string& name);

}  // namespace tandem::nn
