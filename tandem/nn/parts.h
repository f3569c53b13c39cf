// The layers within layers.
#pragma once
#include <tandem/nn/module.h>

namespace tandem::nn {

/// Calls fn(name, layer) for each layer inside `net`, from outside in, in the order of visit(); the name ("2.body.0.")
/// is what those of its tensors begin with. `net` itself has none.
void each_part(Module& net, const std::function<void(const std::string& at, Module& layer)>& fn);

}  // namespace tandem::nn
