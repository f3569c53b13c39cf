// Tensor: a value that shares its memory. Always contiguous and row-major; images are N,H,W,C.
#pragma once
#include <tandem/base/memory.h>
#include <tandem/base/shape.h>
#include <tandem/tensor/dtype.h>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace tandem {

struct Node;  // the tape's entry for this tensor; see autograd/tape.h

/// Copies are cheap and share memory. A default Tensor is "none": defined() is false.
class Tensor {
 public:
  Tensor() = default;

  /// Contents undefined; zeros; all `value`.
  [[nodiscard]] static Tensor empty(const Shape& shape, DType type = DType::f32);
  [[nodiscard]] static Tensor zeros(const Shape& shape, DType type = DType::f32);
  [[nodiscard]] static Tensor full(const Shape& shape, double value, DType type = DType::f32);
  /// Copies `values`; throws when their number is not the shape's.
  template <class T>
  [[nodiscard]] static Tensor from(std::span<const T> values, const Shape& shape) {
    Tensor out = empty(shape, dtype_v<T>);
    if (static_cast<int64_t>(values.size()) != out.numel())
      fail("tensor", "{} values given for shape {}, which has {}", values.size(), shape, out.numel());
    std::copy(values.begin(), values.end(), out.data<T>().begin());
    return out;
  }
  template <class T>
  [[nodiscard]] static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }

  [[nodiscard]] bool defined() const noexcept { return block_ != nullptr; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] int64_t size(int axis) const { return shape_[axis_of("size", shape_, axis)]; }
  [[nodiscard]] int rank() const noexcept { return shape_.rank(); }
  [[nodiscard]] int64_t numel() const noexcept { return shape_.numel(); }
  [[nodiscard]] DType dtype() const noexcept { return type_; }

  /// The elements. Writing goes to every tensor that shares them: for owners of the memory (optimisers, loaders).
  template <class T>
  [[nodiscard]] std::span<T> data() const {
    expect_type(dtype_v<std::remove_const_t<T>>);
    return {static_cast<T*>(bytes()), static_cast<size_t>(numel())};
  }
  [[nodiscard]] void* bytes() const noexcept { return block_ ? static_cast<char*>(block_->data()) + offset_ : nullptr; }
  [[nodiscard]] size_t byte_count() const noexcept { return static_cast<size_t>(numel()) * size_of(type_); }

  /// The only element, as double; throws when there is not exactly one.
  [[nodiscard]] double item() const;
  /// Element `index` in row-major order, as double.
  [[nodiscard]] double at(int64_t index) const;

  /// The same memory under another shape of as many elements, or rows [first, last) of the first axis. Not on the tape:
  /// ops/shape.h has the differentiable forms.
  [[nodiscard]] Tensor view(const Shape& shape) const;
  [[nodiscard]] Tensor rows(int64_t first, int64_t last) const;
  /// New memory with the same elements; in another type (the same memory when it has it already). Towards an integer
  /// type fractions are cut off, what lies beyond its range becomes its nearest value and NaN becomes 0.
  [[nodiscard]] Tensor clone() const;
  [[nodiscard]] Tensor to(DType type) const;
  /// The same memory without the tape.
  [[nodiscard]] Tensor detach() const;

  /// The tape's entry, or none. Used by autograd/ only.
  [[nodiscard]] const std::shared_ptr<Node>& node() const noexcept { return node_; }
  void set_node(std::shared_ptr<Node> node) noexcept { node_ = std::move(node); }

 private:
  void expect_type(DType type) const;

  std::shared_ptr<Block> block_;
  size_t offset_ = 0;
  Shape shape_;
  DType type_ = DType::f32;
  std::shared_ptr<Node> node_;
};

/// Calls fn(T{}) with the C++ type of a floating dtype; throws, naming `where`, for the others.
template <class Fn>
decltype(auto) dispatch_float(std::string_view where, DType type, Fn&& fn) {
  if (type == DType::f32) return fn(float{});
  if (type == DType::f64) return fn(double{});
  fail(where, "takes float32 or float64, got {}", name_of(type));
}

/// The same for the types that numbers can be stored in: with bfloat16.
template <class Fn>
decltype(auto) dispatch_stored(std::string_view where, DType type, Fn&& fn) {
  if (type == DType::bf16) return fn(BFloat16{});
  return dispatch_float(where, type, fn);
}

}  // namespace tandem
