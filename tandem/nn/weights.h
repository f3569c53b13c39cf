// The tensors of a network as a list: counting, copying, saving.
#pragma once
#include <tandem/nn/module.h>
#include <tandem/tensor/safetensors.h>

namespace tandem::nn {

/// Trainable numbers, and all numbers that are saved.
struct Count {
  int64_t trained = 0, all = 0;
};
[[nodiscard]] Count count(Module& net);

/// Marks every trained tensor as a leaf that collects gradients, and lists them in order.
[[nodiscard]] std::vector<Tensor> trained(Module& net);

/// All tensors by name, sharing memory with the network.
[[nodiscard]] std::vector<std::pair<std::string, Tensor>> named(Module& net);

/// Copies the values of `from` into the network; throws a data error, naming `where`, when a name is missing or unknown
/// a shape differs, a tensor
/// of integers holds another type, or a layer cannot work with its values (Module::check).
void assign(Module& net, const std::vector<std::pair<std::string, Tensor>>& from, const std::string& where);

}  // namespace tandem::nn
