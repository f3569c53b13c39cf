// The states of a training that are kept: the last, the one before it, and the best.
#pragma once
#include <tandem/tensor/safetensors.h>

#include <string>

namespace tandem::train {

/// last.safetensors, previous.safetensors and best.safetensors of a folder. At every moment, and after a crash at any
/// moment, the last that save() has returned from can be loaded.
class Checkpoints {
 public:
  explicit Checkpoints(fs::path folder);

  /// Keeps `state` as the last, and as the best when it is; the last until now becomes the one before. Throws a file
  /// error when it cannot be written, or reads back otherwise; a numeric error, naming the tensor, when it holds a
  /// number that is not finite. What was kept before stays then.
  void save(const TensorFile& state, bool best);

  struct Found {
    TensorFile state;
    fs::path file;
    std::string remark;  // why it is not the last; else ""
  };
  /// The last, or the one before when the last is missing or damaged. Throws what is wrong with the last when neither
  /// can be read.
  [[nodiscard]] Found newest();

 private:
  [[nodiscard]] fs::path at(const char* name) const { return folder_ / (std::string(name) + ".safetensors"); }

  fs::path folder_;
  bool whole_ = false;  // whether the last is known to be: a damaged one must not replace the one before
};

}  // namespace tandem::train
