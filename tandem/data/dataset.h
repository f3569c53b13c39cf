// What a data set of images is once it lies in memory.
#pragma once
#include <tandem/tensor/tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::data {

/// Labelled images: pixels are bytes N,H,W,C (C is 1 grey or 3 RGB), labels[i] indexes `classes`.
struct ImageSet {
  Tensor pixels;
  std::vector<int32_t> labels;
  std::vector<std::string> classes;
  std::string source;  // where it came from, for people

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

/// The three parts of a data set; `validation` may be empty until split() fills it.
struct ImageSplits {
  ImageSet train, validation, test;
};

/// The examples at `indices`, in that order.
[[nodiscard]] ImageSet subset(const ImageSet& set, std::span<const int64_t> indices);

/// Moves a seeded, stratified `fraction` of `set` into a second set: {rest, part}. Each class gives its share (rounded,
/// at least one example when it has two); throws when fraction is not in [0, 1) or a class is empty.
[[nodiscard]] std::pair<ImageSet, ImageSet> split(const ImageSet& set, double fraction, uint64_t seed);

/// Keeps only the named classes, relabelled in the order given; throws with the nearest name for an unknown one.
[[nodiscard]] ImageSet only_classes(const ImageSet& set, const std::vector<std::string>& classes);

}  // namespace tandem::data
