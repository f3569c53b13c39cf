#include <tandem/base/checked.h>
#include <tandem/base/shape.h>

#include <algorithm>
#include <vector>

namespace tandem {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  if (sizes.size() > max_rank) fail("shape", "{} axes given, at most {} are possible", sizes.size(), max_rank);
  int64_t total = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0) fail("shape", "axis {} has size {}: sizes are 0 or more", i, sizes[i]);
    sizes_[i] = sizes[i];
    // An empty axis must not hide an overflow of the others: strides would still overflow.
    total = checked_mul(total, std::max<int64_t>(sizes[i], 1), "shape");
  }
}

int64_t Shape::product(int first, int last) const noexcept {
  int64_t total = 1;
  for (int axis = first; axis < last; ++axis) total *= (*this)[axis];
  return total;
}

Shape Shape::with(int axis, int64_t size) const {
  std::vector<int64_t> sizes(begin(), end());
  sizes.at(static_cast<size_t>(axis < 0 ? axis + rank_ : axis)) = size;
  return Shape(sizes);
}

Shape Shape::without(int axis) const {
  std::vector<int64_t> sizes(begin(), end());
  sizes.erase(sizes.begin() + (axis < 0 ? axis + rank_ : axis));
  return Shape(sizes);
}

Shape Shape::inserted(int axis, int64_t size) const {
  std::vector<int64_t> sizes(begin(), end());
  sizes.insert(sizes.begin() + (axis < 0 ? axis + rank_ + 1 : axis), size);
  return Shape(sizes);
}

std::string Shape::str() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) text += (i ? ", " : "") + std::to_string((*this)[i]);
  return text + ")";
}

bool operator==(const Shape& a, const Shape& b) noexcept { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

int axis_of(std::string_view where, const Shape& shape, int axis) {
  if (axis < -shape.rank() || axis >= shape.rank()) fail(where, "axis {} is out of range for shape {}", axis, shape);
  return axis < 0 ? axis + shape.rank() : axis;
}

}  // namespace tandem
