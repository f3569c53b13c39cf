// What a network would say next in translations that are being written.
#pragma once
#include <tandem/nn/memory.h>
#include <tandem/nn/transformer.h>

#include <span>
#include <vector>

namespace tandem::tasks {

/// The scores of what comes next in translations that grow side by side: NextScores of a network. It keeps keys and
/// values, those of the source too; without `cache` the whole of each translation goes through the decoder again for
/// each token, which gives the same.
class Continuations {
 public:
  /// Reads the sources, each a list of tokens.
  Continuations(const nn::EncoderDecoder& net, std::span<const std::vector<int32_t>> sources, bool cache = true);
  Continuations(const Continuations&) = delete;  // a memory belongs to one network
  Continuations& operator=(const Continuations&) = delete;
  [[nodiscard]] Tensor operator()(std::span<const int64_t> from, std::span<const int32_t> tokens);

 private:
  [[nodiscard]] Tensor read_again(std::span<const int64_t> from, std::span<const int32_t> tokens);

  nn::EncoderDecoder net_;  // shares the weights
  nn::Pass pass_;
  nn::Memory memory_;
  bool cache_, begun_ = false;
  // Without a cache: the sources' vectors, and of each translation which one is its source and what it says so far.
  Tensor encoded_;
  std::vector<int64_t> places_;  // of each source's first vector, and the end of the last
  struct Beginning {
    int64_t source = 0;
    std::vector<int32_t> tokens;
  };
  std::vector<Beginning> beginnings_;
};

}  // namespace tandem::tasks
