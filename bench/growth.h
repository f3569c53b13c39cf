// The part of the growth measurements that runs in a process of its own.
#pragma once
#include <cstdint>
#include <string>

namespace tandem::bench {

/// Measures a training step of one size on an axis ("batch", "width", "depth", "input"); prints one line of JSON.
void print_grown(const std::string& axis, int64_t size);

/// Prints, as JSON, the most memory that weights, batches and 20 steps of this workload hold at once: for a process of
/// its own, as print_grown().
void print_memory(const std::string& workload);

}  // namespace tandem::bench
