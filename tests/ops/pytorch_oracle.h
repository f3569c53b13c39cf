// Written by pytorch_oracle.py with PyTorch 2.13.0; do not edit.
#pragma once

namespace tandem::testing::oracle {

// clang-format off
inline constexpr double losses[] = {1.85093498, 1.63395655, 1.25562465, 0.642073989, 0.582231522, 0.278472394, 0.195632815, 0.140525371, 0.0782612935, 0.0438439399};
inline constexpr double running_mean[] = {-0.2794649, -0.173517793, 0.21346356, 0.267372847};
inline constexpr double running_variance[] = {0.49341464, 0.501988292, 0.440809458, 0.442379445};
inline constexpr double bias[] = {0.30970633, 0.423930287, -0.242236182, 0.118391179, -0.45788005};
// clang-format on

}  // namespace tandem::testing::oracle
