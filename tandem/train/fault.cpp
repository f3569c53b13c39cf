#include <tandem/autograd/tape.h>
#include <tandem/kernels/optim.h>
#include <tandem/nn/parts.h>
#include <tandem/ops/cast.h>
#include <tandem/train/fault.h>

#include <algorithm>
#include <map>

namespace tandem::train {
namespace {

/// "examples 12, 5, 77, …"
std::string names_of(std::span<const int64_t> examples) {
  constexpr size_t shown = 5;
  std::string out = "examples";
  for (size_t i = 0; i < std::min(shown, examples.size()); ++i)
    out += fmt::format("{} {}", i == 0 ? "" : ",", examples[i]);
  return examples.size() > shown ? out + ", …" : out;
}

/// The example whose row of the network's input is wrong, when each has one row.
std::string example_in(const Tensor& x, std::span<const int64_t> batch) {
  if (x.rank() == 0 || x.size(0) != std::ssize(batch)) return "";
  for (int64_t i = 0; i < x.size(0); ++i)
    if (!sound(x.rows(i, i + 1))) return fmt::format(", the first in example {}", batch[static_cast<size_t>(i)]);
  return "";
}

std::string fault_of(nn::Module& layer, const std::string& at) {
  std::string out = fmt::format("layer {} ({}) gives the first", at, layer.kind()), tensors;
  layer.visit(at + ".", [&](const std::string& name, Tensor& t, bool) {
    if (tensors.empty() && !sound(t)) tensors = fmt::format(": such stand in its {}", name);
  });
  return out + tensors;
}

}  // namespace

std::string shown(double value) { return fmt::format("{:.3g}", std::isnan(value) ? std::abs(value) : value); }

bool sound(const Tensor& tensor) {
  if (tensor.dtype() == DType::bf16) return sound(widened(tensor.detach()));
  if (tensor.dtype() != DType::f32) return true;
  return sound(std::sqrt(kernels::sum_of_squares(tensor.data<const float>())));
}

std::string first_fault(tasks::Task& task, std::span<const int64_t> batch, const tasks::Moment& at, nn::Pass pass) {
  const NoGrad off;
  std::map<const nn::Module*, std::string> names;
  nn::each_part(task.network(), [&](const std::string& name, nn::Module& layer) {
    names.emplace(&layer, name.empty() ? name : name.substr(0, name.size() - 1));
  });
  std::string found;
  bool entered = false;
  pass.each = [&](nn::Module& layer, const Tensor& x, nn::Pass& p) {
    if (!std::exchange(entered, true) && !sound(x))
      found = "the network is given numbers that are none" + example_in(x, batch);
    const Tensor y = layer.forward(x, p);
    if (found.empty() && !sound(y)) found = fault_of(layer, names[&layer]);
    return y;
  };
  try {
    (void)task.loss(batch, at, pass);
  } catch (const Error&) {  // the loss refuses such numbers: the layers were heard before
  }
  return (found.empty() ? "" : found + "; ") + names_of(batch);
}

}  // namespace tandem::train
