// Whether the machine was ours while something was measured: other programs' work bends every figure.
#pragma once
#include <functional>

namespace tandem::bench {

/// Calls `measure` when the machine is quiet, and again when threads of this process or of `child` had to stand in line
/// for a core meanwhile (or the host took cores away) for more than 2 % of the time. After `attempts` the last result
/// stands. Waits for quiet up to 20 s, less after waiting in vain. Returns whether the result is undisturbed.
bool when_quiet(const std::function<void()>& measure, int child = 0, int attempts = 6);

}  // namespace tandem::bench
