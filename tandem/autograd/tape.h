// The tape: each operation leaves a node that knows its inputs and how to send a gradient back to them.
#pragma once
#include <tandem/tensor/tensor.h>

#include <functional>
#include <vector>

namespace tandem {

/// One gradient an input, in the order of the inputs; "none" where none was asked for.
using Grads = std::vector<Tensor>;

/// Says which inputs want a gradient: a backward function computes no other.
class Wanted {
 public:
  explicit Wanted(std::span<const std::shared_ptr<Node>> inputs) : inputs_(inputs) {}
  bool operator[](size_t input) const noexcept { return inputs_[input] != nullptr; }

 private:
  std::span<const std::shared_ptr<Node>> inputs_;
};

/// Gets the gradient of the output (its shape), returns those of the inputs (their shapes).
using Backward = std::function<Grads(const Tensor& grad, Wanted wanted)>;

/// Puts `output` on the tape when any of `inputs` is there and recording is on; otherwise it keeps nothing.
/// `backward` captures detached tensors only: what it captures is what stays in memory.
[[nodiscard]] Tensor with_grad(const char* name, Tensor output, std::span<const Tensor> inputs, Backward backward);
[[nodiscard]] inline Tensor with_grad(const char* name, Tensor output, std::initializer_list<Tensor> inputs,
                                      Backward backward) {
  return with_grad(name, std::move(output), std::span(inputs.begin(), inputs.size()), std::move(backward));
}

/// Whether with_grad would record for these inputs: an operation may save work when not.
[[nodiscard]] bool recording(std::span<const Tensor> inputs) noexcept;
[[nodiscard]] inline bool recording(std::initializer_list<Tensor> inputs) noexcept {
  return recording(std::span(inputs.begin(), inputs.size()));
}

/// What the gradient of `of` needs, detached; none when `of` gets no gradient, so that nothing is kept in vain.
[[nodiscard]] inline Tensor keep_for(const Tensor& of, const Tensor& needed) {
  return of.node() ? needed.detach() : Tensor{};
}

/// Makes `tensor` a leaf whose gradient is collected by backward(); stops collecting when `on` is false.
void require_grad(Tensor& tensor, bool on = true);
[[nodiscard]] bool requires_grad(const Tensor& tensor) noexcept;

/// The gradient collected at a leaf, or "none". It may share its memory with other gradients: read it, do not write.
[[nodiscard]] Tensor grad_of(const Tensor& leaf);
void clear_grad(const Tensor& leaf);

/// Sends `grad` (default: 1, for a scalar output) back from `output` and adds to the gradients of all leaves. The tape
/// is consumed: a second call from the same output throws.
void backward(const Tensor& output, const Tensor& grad = {});

/// No recording in this scope, on this thread.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

}  // namespace tandem
