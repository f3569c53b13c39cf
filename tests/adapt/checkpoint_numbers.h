// What transformers calculated with the small checkpoints, and how ours is compared with it.
#pragma once
#include <tandem/autograd/tape.h>
#include <tandem/nn/sequential.h>

#include <cmath>

#include "tests/adapt/checkpoints.h"

namespace tandem::testing {

inline const TensorFile& outputs() {
  static const TensorFile all = read_safetensors(checkpoints() / "expected.safetensors");
  return all;
}

inline Tensor expected(const std::string& name, int i) { return outputs().find(name + "." + std::to_string(i)); }

inline void expect_near(const Tensor& got, const Tensor& want, const std::string& what) {
  ASSERT_TRUE(want.defined()) << what;
  ASSERT_EQ(got.numel(), want.numel()) << what;
  for (int64_t i = 0; i < want.numel(); ++i)
    ASSERT_NEAR(got.at(i), want.at(i), 1e-4 * (1 + std::abs(want.at(i)))) << what << " " << i;
}

/// What layers [0, last) make of token ids.
inline Tensor passed(const nn::Sequential& net, const Tensor& ids, size_t last) {
  const NoGrad off;
  nn::Pass pass;
  pass.lengths = {ids.numel()};
  return net.forward_part(0, last, ids, pass);
}
inline Tensor passed(const nn::Sequential& net, const Tensor& ids) { return passed(net, ids, net.layers().size()); }

inline std::vector<int32_t> list_of(const Tensor& ids) {
  return {ids.data<const int32_t>().begin(), ids.data<const int32_t>().end()};
}

}  // namespace tandem::testing
