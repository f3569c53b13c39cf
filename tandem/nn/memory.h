// What layers remember of sequences between calls.
#pragma once
#include <tandem/ops/attention.h>
#include <tandem/ops/recurrent.h>

#include <map>
#include <span>
#include <vector>

namespace tandem::nn {

class Module;
struct Pass;

/// Keeps, for each layer that needs it, where sequences stand: states of recurrent layers, keys and values of
/// attention, how many tokens went by. Give the same one to each pass over further tokens of the same sequences, in the
/// same order. It belongs to one network; copy it to try several continuations. No gradient goes through it.
class Memory {
 public:
  struct Part {
    std::vector<RecurrentState> states;  // one a layer
    std::vector<KeyValues> caches;       // one a sequence, with room for more rows
    std::vector<int64_t> seen;           // tokens of each sequence so far
  };
  [[nodiscard]] Part& of(const Module* layer) { return parts_[layer]; }

  /// Sequence i goes on from where sequence order[i] stood: for beams, and to drop sequences that have ended.
  void keep(std::span<const int64_t> order);
  [[nodiscard]] bool empty() const { return parts_.empty(); }

 private:
  std::map<const Module*, Part> parts_;
};

/// The position in its sequence of each of the pass's `rows` tokens; they go on behind the tokens that `seen`, if
/// given, has counted, and are counted too. Throws when the lengths are not those of `rows` tokens, or of other
/// sequences.
[[nodiscard]] std::vector<int64_t> positions_of(const Pass& pass, std::vector<int64_t>* seen, int64_t rows);

}  // namespace tandem::nn
