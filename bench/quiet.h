// Whether the machine was ours while something was measured: other programs' work bends every figure.
#pragma once
#include <functional>

namespace tandem::bench {

/// Processor time that all programs but this one and `child` have taken since `start` was called, as a share of all
/// cores. Counted by the system in hundredths of a second: good for a tenth of a second and more.
class Others {
 public:
  explicit Others(int child = 0) : child_(child) { start(); }
  void start();
  [[nodiscard]] double share() const;

 private:
  [[nodiscard]] double own() const;

  int child_;
  double wall_ = 0, all_ = 0, own_ = 0;
};

/// Calls `measure` when the machine is quiet, and again when it did not stay so; after `attempts`, or when it does not
/// become quiet within a minute, the last result stands. Returns whether it is undisturbed.
bool when_quiet(const std::function<void()>& measure, int child = 0, int attempts = 6);

/// Measurements that stand although other programs were at work; for the notes under a table.
[[nodiscard]] int disturbed_measurements();

}  // namespace tandem::bench
