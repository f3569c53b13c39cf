// The sizes of a tensor's axes.
#pragma once
#include <tandem/base/error.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace tandem {

/// Up to 6 axes, outermost first. A shape without axes has one element.
class Shape {
 public:
  static constexpr int max_rank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span<const int64_t>(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);  // throws on a negative size, too many axes, too many elements

  [[nodiscard]] int rank() const noexcept { return rank_; }
  /// The size of an axis; negative axes count from the end. No check beyond an assertion: see axis_of for users' axes.
  [[nodiscard]] int64_t operator[](int axis) const noexcept {
    return sizes_[static_cast<size_t>(axis < 0 ? axis + rank_ : axis)];
  }
  [[nodiscard]] int64_t numel() const noexcept { return product(0, rank_); }
  /// Product of the sizes of axes [first, last).
  [[nodiscard]] int64_t product(int first, int last) const noexcept;
  [[nodiscard]] const int64_t* begin() const noexcept { return sizes_.data(); }
  [[nodiscard]] const int64_t* end() const noexcept { return sizes_.data() + rank_; }

  /// The same shape with one axis changed, removed, or a new one put before it.
  [[nodiscard]] Shape with(int axis, int64_t size) const;
  [[nodiscard]] Shape without(int axis) const;
  [[nodiscard]] Shape inserted(int axis, int64_t size) const;

  [[nodiscard]] std::string str() const;  // "(64, 28, 28, 1)"
  friend bool operator==(const Shape& a, const Shape& b) noexcept;

 private:
  std::array<int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

/// Turns a user's axis (may be negative) into 0 … rank-1; throws, naming `where`, when it is out of range.
[[nodiscard]] int axis_of(std::string_view where, const Shape& shape, int axis);

}  // namespace tandem

template <>
struct fmt::formatter<tandem::Shape> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const tandem::Shape& shape, Context& context) const {
    return fmt::formatter<std::string>::format(shape.str(), context);
  }
};
