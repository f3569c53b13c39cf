// Networks of pictures from ONNX files of other programs, as models to measure, to explain, and to start from.
#pragma once
#include <tandem/tasks/classifier.h>

#include <string>
#include <string_view>
#include <vector>

namespace tandem::deploy::onnx {

/// What a file does not say itself.
struct ImportOptions {
  std::vector<std::string> classes = {};  // none: as the file's notes name them, or 0, 1, 2, …
  /// What a file that takes float32 expects its pixels of 0 … 1 to be normalised with, a number a channel; none: not.
  std::vector<double> mean = {}, std = {};
  int64_t height = 0, width = 0;  // where the file leaves them open
};

/// A chain of layers, with residual blocks and branches that are joined again: convolutions, batch norms, pools,
/// functions, linear layers. Throws a data error naming `where` and the node that has no layer here.
[[nodiscard]] tasks::Classifier classifier_of(std::string_view bytes, const std::string& where,
                                              const ImportOptions& options);

}  // namespace tandem::deploy::onnx
