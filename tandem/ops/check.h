// Checks that several operations share.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

/// Throws, naming `where`, when a part (weight, bias, …; none is fine) is not of the type of the operand `x`: float32
/// for an operand stored as bfloat16.
inline void expect_same_type(std::string_view where, const Tensor& x, std::initializer_list<const Tensor*> parts) {
  const DType wanted = x.dtype() == DType::bf16 ? DType::f32 : x.dtype();
  for (const Tensor* part : parts)
    if (part->defined() && part->dtype() != wanted)
      fail(where, "input {} is {}{} but a part of shape {} is {}: convert one with to()", x.shape(), name_of(x.dtype()),
           wanted == x.dtype() ? "" : ", which takes float32 parts,", part->shape(), name_of(part->dtype()));
}

}  // namespace tandem
