// Texts that stand for more of them than there is memory for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tandem::data {

/// Keeps every text while all have at most `most` bytes together, then every second, every fourth and so on, of those
/// before as well as of those to come: evenly over the whole, and without chance.
class Thinned {
 public:
  explicit Thinned(size_t most) : most_(most) {}

  void add(std::string text) {
    if (seen_++ % step_ != 0) return;
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    while (bytes_ > most_ && texts_.size() > 1) halve();
  }
  [[nodiscard]] std::span<const std::string> texts() const { return texts_; }

 private:
  void halve() {
    size_t kept = 0;
    bytes_ = 0;
    for (size_t i = 0; i < texts_.size(); i += 2) {
      if (i != kept) texts_[kept] = std::move(texts_[i]);
      bytes_ += texts_[kept++].size();
    }
    texts_.resize(kept);
    step_ *= 2;
  }

  size_t most_, bytes_ = 0;
  uint64_t seen_ = 0, step_ = 1;
  std::vector<std::string> texts_;
};

}  // namespace tandem::data
