// Checks that several operations share.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

/// Throws, naming `where`, when a part (weight, bias, …; none is fine) is not of the type of the operand `x`.
inline void expect_same_type(std::string_view where, const Tensor& x, std::initializer_list<const Tensor*> parts) {
  for (const Tensor* part : parts)
    if (part->defined() && part->dtype() != x.dtype())
      fail(where, "input {} is {} but a part of shape {} is {}: convert one with to()", x.shape(), name_of(x.dtype()),
           part->shape(), name_of(part->dtype()));
}

}  // namespace tandem
