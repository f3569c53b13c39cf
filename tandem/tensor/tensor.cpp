#include <tandem/base/checked.h>
#include <tandem/tensor/tensor.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace tandem {
namespace {

template <class Fn>
decltype(auto) dispatch(DType type, Fn&& fn) {
  switch (type) {
    case DType::f32: return fn(float{});
    case DType::f64: return fn(double{});
    case DType::bf16: return fn(BFloat16{});
    case DType::i32: return fn(int32_t{});
    case DType::i64: return fn(int64_t{});
    case DType::u8: return fn(uint8_t{});
    case DType::i8: return fn(int8_t{});
  }
  fail(ErrorKind::internal, "tensor", "unknown dtype {}", static_cast<int>(type));
}

// Outside the range of an integer type C++ leaves a conversion undefined: here it ends at the nearest value, NaN at 0.
template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, BFloat16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return BFloat16(static_cast<float>(value));
  } else {
    if constexpr (std::is_integral_v<To>) {
      using Limits = std::numeric_limits<To>;
      if constexpr (std::is_floating_point_v<From>) {
        if (value != value) return 0;
        if (value <= static_cast<From>(Limits::min())) return Limits::min();
        if (value >= static_cast<From>(Limits::max())) return Limits::max();
      } else {
        if (std::cmp_less(value, Limits::min())) return Limits::min();
        if (std::cmp_greater(value, Limits::max())) return Limits::max();
      }
    }
    return static_cast<To>(value);
  }
}

// What this machine has, in bytes. The system would promise more, and end the program when it is used.
int64_t memory_of_machine() {
  static const int64_t bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return bytes;
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType type) {
  const int64_t bytes = checked_mul(shape.numel(), static_cast<int64_t>(size_of(type)), "tensor");
  if (bytes > memory_of_machine())
    fail("tensor", "shape {} takes {:.3g} GB, this machine has {:.3g}", shape, 1e-9 * static_cast<double>(bytes),
         1e-9 * static_cast<double>(memory_of_machine()));
  Tensor out;
  out.shape_ = shape;
  out.type_ = type;
  out.block_ = std::make_shared<Block>(out.byte_count());
  return out;
}

Tensor Tensor::zeros(const Shape& shape, DType type) {
  Tensor out = empty(shape, type);
  std::memset(out.bytes(), 0, out.byte_count());
  return out;
}

Tensor Tensor::full(const Shape& shape, double value, DType type) {
  Tensor out = empty(shape, type);
  dispatch(type, [&](auto t) { std::ranges::fill(out.data<decltype(t)>(), convert<decltype(t)>(value)); });
  return out;
}

void Tensor::expect_type(DType type) const {
  if (!defined()) fail("tensor", "has no data: it was never given a value");
  if (type != type_) fail("tensor", "holds {}, asked for {}", name_of(type_), name_of(type));
}

double Tensor::item() const {
  if (!defined() || numel() != 1) fail("item", "needs exactly one element, got shape {}", shape_);
  return at(0);
}

double Tensor::at(int64_t index) const {
  if (!defined() || index < 0 || index >= numel()) fail("at", "element {} is out of range for shape {}", index, shape_);
  return dispatch(type_, [&](auto t) { return convert<double>(data<decltype(t)>()[static_cast<size_t>(index)]); });
}

Tensor Tensor::view(const Shape& shape) const {
  if (shape.numel() != numel())
    fail("view", "shape {} has {} elements, {} has {}", shape_, numel(), shape, shape.numel());
  Tensor out = detach();
  out.shape_ = shape;
  return out;
}

Tensor Tensor::rows(int64_t first, int64_t last) const {
  if (rank() == 0 || first < 0 || last < first || last > shape_[0])
    fail("rows", "range {} to {} is not inside the first axis of shape {}", first, last, shape_);
  Tensor out = detach();
  out.offset_ += static_cast<size_t>(first * shape_.product(1, rank())) * size_of(type_);
  out.shape_ = shape_.with(0, last - first);
  return out;
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor out = empty(shape_, type_);
  std::memcpy(out.bytes(), bytes(), byte_count());
  return out;
}

Tensor Tensor::to(DType type) const {
  if (type == type_) return detach();
  Tensor out = empty(shape_, type);
  dispatch(type_, [&](auto from) {
    dispatch(type, [&](auto into) {
      std::ranges::transform(data<decltype(from)>(), out.data<decltype(into)>().begin(),
                             [](auto value) { return convert<decltype(into)>(value); });
    });
  });
  return out;
}

Tensor Tensor::detach() const {
  Tensor out = *this;
  out.node_.reset();
  return out;
}

}  // namespace tandem
