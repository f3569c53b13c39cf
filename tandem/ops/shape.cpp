#include <tandem/autograd/tape.h>
#include <tandem/base/checked.h>
#include <tandem/kernels/permute.h>
#include <tandem/ops/shape.h>

#include <cstring>
#include <numeric>

namespace tandem {
namespace {

// Copies part [first, last) of an axis out of `whole`, or back into it.
enum class Copy { out_of, into };
void copy_part(Copy way, const Tensor& whole, const Tensor& part, int axis, int64_t first) {
  const size_t item = size_of(whole.dtype()) * static_cast<size_t>(whole.shape().product(axis + 1, whole.rank()));
  const auto n = static_cast<size_t>(whole.shape()[axis]), count = static_cast<size_t>(part.shape()[axis]);
  for (size_t o = 0; o < static_cast<size_t>(whole.shape().product(0, axis)); ++o) {
    char* a = static_cast<char*>(whole.bytes()) + (o * n + static_cast<size_t>(first)) * item;
    char* b = static_cast<char*>(part.bytes()) + o * count * item;
    std::memcpy(way == Copy::into ? a : b, way == Copy::into ? b : a, count * item);
  }
}

Tensor permuted(const Tensor& x, const std::vector<int>& order) {
  std::vector<int64_t> sizes;
  for (const int axis : order) sizes.push_back(x.shape()[axis]);
  Tensor y = Tensor::empty(Shape(sizes), x.dtype());
  kernels::permute(size_of(x.dtype()), x.shape(), order, x.bytes(), y.bytes());
  return y;
}

}  // namespace

Tensor reshape(const Tensor& x, std::span<const int64_t> sizes) {
  std::vector<int64_t> wanted(sizes.begin(), sizes.end());
  int64_t known = 1;
  int64_t* inferred = nullptr;
  for (int64_t& size : wanted) {
    if (size == -1 && !inferred)
      inferred = &size;
    else if (size < 0)
      fail("reshape", "size {} is not possible; at most one size may be -1", size);
    else
      known = checked_mul(known, size, "reshape");
  }
  if (inferred) {
    if (known == 0 || x.numel() % known != 0)
      fail("reshape", "{} elements of shape {} cannot be divided by the given sizes ({})", x.numel(), x.shape(), known);
    *inferred = x.numel() / known;
  }
  const Shape shape(wanted);
  if (shape.numel() != x.numel())
    fail("reshape", "shape {} has {} elements, {} has {}", x.shape(), x.numel(), shape, shape.numel());
  return with_grad("reshape", x.view(shape), {x},
                   [from = x.shape()](const Tensor& g, Wanted) { return Grads{g.view(from)}; });
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
  if (!x.defined()) fail("permute", "the operand was never given a value");
  std::vector<int> inverse(static_cast<size_t>(x.rank()), -1);
  bool valid = static_cast<int>(order.size()) == x.rank();
  for (size_t i = 0; valid && i < order.size(); ++i) {
    valid = order[i] >= 0 && order[i] < x.rank() && inverse[static_cast<size_t>(order[i])] == -1;
    if (valid) inverse[static_cast<size_t>(order[i])] = static_cast<int>(i);
  }
  if (!valid) fail("permute", "the order must name each of the {} axes of shape {} once", x.rank(), x.shape());
  return with_grad("permute", permuted(x, order), {x},
                   [inverse](const Tensor& g, Wanted) { return Grads{permuted(g, inverse)}; });
}

Tensor slice(const Tensor& x, int axis, int64_t first, int64_t last) {
  const int a = axis_of("slice", x.shape(), axis);
  if (first < 0 || last < first || last > x.shape()[a])
    fail("slice", "range {} to {} is not inside axis {} of shape {}", first, last, axis, x.shape());
  Tensor y = Tensor::empty(x.shape().with(a, last - first), x.dtype());
  copy_part(Copy::out_of, x, y, a, first);
  return with_grad("slice", y, {x}, [shape = x.shape(), a, first](const Tensor& g, Wanted) {
    Tensor gx = Tensor::zeros(shape, g.dtype());
    copy_part(Copy::into, gx, g, a, first);
    return Grads{gx};
  });
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty()) fail("concat", "needs at least one tensor");
  const int a = axis_of("concat", parts[0].shape(), axis);
  std::vector<int64_t> sizes;
  for (const Tensor& part : parts) {
    if (part.dtype() != parts[0].dtype() || part.rank() != parts[0].rank() ||
        part.shape().with(a, 0) != parts[0].shape().with(a, 0))
      fail("concat", "shapes {} and {} differ on another axis than {}, or in type", parts[0].shape(), part.shape(),
           axis);
    sizes.push_back(part.shape()[a]);
  }
  Tensor y = Tensor::empty(parts[0].shape().with(a, std::accumulate(sizes.begin(), sizes.end(), int64_t{0})),
                           parts[0].dtype());
  int64_t first = 0;
  for (const Tensor& part : parts) {
    copy_part(Copy::into, y, part, a, first);
    first += part.shape()[a];
  }
  return with_grad("concat", y, parts, [sizes, a](const Tensor& g, Wanted wanted) {
    Grads grads(sizes.size());
    int64_t at = 0;
    for (size_t i = 0; i < sizes.size(); at += sizes[i++])
      if (wanted[i]) grads[i] = slice(g, a, at, at + sizes[i]);
    return grads;
  });
}

}  // namespace tandem
