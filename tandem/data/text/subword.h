// Subword models: words cut into pieces that come often, so that few are unknown. SentencePiece lives only behind this.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::data {

/// A trained SentencePiece model; copies share it. Its ids 0, 1 and 2 are <unk>, <s> and </s>.
class Subword {
 public:
  /// Trains on `texts`, one thread, without random numbers: the same texts give the same bytes. `type` is "unigram"
  /// (Kudo 2018) or "bpe" (Sennrich et al. 2016); `size` is the most pieces, fewer come of little text. Throws a usage
  /// error when `size` has no room for the characters.
  [[nodiscard]] static Subword train(const std::string& type, int64_t size, std::span<const std::string> texts);
  /// From bytes(). Throws a data error naming `where` when they are no such model.
  [[nodiscard]] static Subword restore(std::span<const uint8_t> bytes, const std::string& where);
  [[nodiscard]] std::vector<uint8_t> bytes() const;  // as .model files of SentencePiece have them

  [[nodiscard]] int64_t size() const;
  [[nodiscard]] std::string piece(int64_t id) const;
  [[nodiscard]] std::vector<int32_t> encode(std::string_view text) const;
  [[nodiscard]] std::string decode(std::span<const int32_t> ids) const;

 private:
  struct Model;
  std::shared_ptr<const Model> model_;
};

}  // namespace tandem::data
