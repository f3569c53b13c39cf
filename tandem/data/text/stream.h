// A large text as tokens, for language models: on disk, in constant memory.
#pragma once
#include <tandem/data/formats/lines.h>
#include <tandem/data/text/tokenizer.h>

#include <memory>

namespace tandem::data {

/// Tokens one after another, in an unnamed temporary file (TMPDIR) that goes with the last copy. Any thread may read.
class TokenStream {
 public:
  /// Reads `lines` to their end; behind each line that has one stands tokenizer.line_end(). Throws a usage error for a
  /// tokenizer with n-grams, a file error when the disk is full, a data error when there is no token.
  [[nodiscard]] static TokenStream encode(LineReader& lines, const Tokenizer& tokenizer);

  [[nodiscard]] int64_t size() const { return size_; }
  [[nodiscard]] int64_t unknown() const { return unknown_; }  // how many the tokenizer does not know
  /// Tokens [first, first + into.size()); throws when there are no such ones.
  void read(int64_t first, std::span<int32_t> into) const;

 private:
  struct File;
  std::shared_ptr<const File> file_;
  int64_t size_ = 0, unknown_ = 0;
};

/// Where the windows of an epoch begin, in random order: `length` tokens and the next one each, without overlap, from a
/// first place that differs by epoch. Depends on its arguments alone. Throws a data error when there is not one.
[[nodiscard]] std::vector<int64_t> windows(int64_t tokens, int64_t length, uint64_t seed, int64_t epoch);

}  // namespace tandem::data
