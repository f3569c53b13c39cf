#include <tandem/autograd/tape.h>
#include <tandem/nn/int8.h>
#include <tandem/nn/parts.h>
#include <tandem/nn/weights.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace tandem::nn {

Count count(Module& net) {
  Count out;
  net.visit("", [&](const std::string&, Tensor& t, bool is_trained) {
    out.all += t.numel();
    if (is_trained) out.trained += t.numel();
  });
  return out;
}

std::vector<Tensor> trained(Module& net) {
  std::vector<Tensor> out;
  net.visit("", [&](const std::string& name, Tensor& t, bool is_trained) {
    if (!is_trained) return;
    expect_trainable(name, t);
    require_grad(t);
    out.push_back(t);
  });
  return out;
}

std::vector<std::pair<std::string, Tensor>> named(Module& net) {
  std::vector<std::pair<std::string, Tensor>> out;
  net.visit("", [&](const std::string& name, Tensor& t, bool) { out.emplace_back(name, t.detach()); });
  return out;
}

void assign(Module& net, const std::vector<std::pair<std::string, Tensor>>& from, const std::string& where) {
  std::map<std::string, Tensor> given(from.begin(), from.end());
  const auto own = named(net);
  for (const auto& [name, tensor] : own) {  // all checks before the first write
    const auto found = given.find(name);
    if (found == given.end()) fail(ErrorKind::data, where, "tensor '{}' of the network is missing", name);
    if (found->second.shape() != tensor.shape())
      fail(ErrorKind::data, where, "tensor '{}' has shape {}, the network's has {}", name, found->second.shape(),
           tensor.shape());
    const bool bytes = size_of(tensor.dtype()) == 1;
    if (bytes && found->second.dtype() != tensor.dtype())
      fail(ErrorKind::data, where, "tensor '{}' holds {}, the network's {}", name, name_of(found->second.dtype()),
           name_of(tensor.dtype()));
  }
  if (own.size() != given.size())
    for (const auto& entry : given)
      if (std::none_of(own.begin(), own.end(), [&](const auto& o) { return o.first == entry.first; }))
        fail(ErrorKind::data, where, "tensor '{}' belongs to no layer of the network", entry.first);
  for (const auto& [name, tensor] : own) {
    const Tensor value = given.at(name).to(tensor.dtype());
    std::memcpy(tensor.bytes(), value.bytes(), value.byte_count());
  }
  const auto check = [&](const std::string& at, const Module& layer) {
    try {
      layer.check();
    } catch (const Error& e) {
      fail(ErrorKind::data, where, "layer {}{}", at, e.what());
    }
  };
  check("", net);
  each_part(net, [&](const std::string& at, Module& layer) { check(at + " ", layer); });
}

}  // namespace tandem::nn
