// Whole networks from the literature.
#pragma once
#include <tandem/nn/sequential.h>

namespace tandem::nn {

/// LeNet-5 (LeCun et al. 1998) in today's form: ReLU and max pooling, padded first layer; for 28x28 and larger.
[[nodiscard]] Sequential lenet();

/// The CIFAR residual network of He et al. 2016, section 4.2: depth = 6n + 2, widths 16, 32, 64, batch norm, projection
/// shortcuts where the width changes.
[[nodiscard]] Sequential resnet(int64_t depth);

/// For rows of a table: the residual network of Gorishniy et al. 2021 ("Revisiting deep learning models for tabular
/// data"), small, with layer norm in place of batch norm, since folds of small data give small batches.
[[nodiscard]] Sequential table_mlp(int64_t width = 64, int64_t blocks = 2);

}  // namespace tandem::nn
