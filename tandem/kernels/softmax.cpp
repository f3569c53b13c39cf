#include <tandem/base/threads.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/fold.h>
#include <tandem/kernels/softmax.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tandem::kernels {
namespace {

template <class T>
void softmax_rows(int64_t rows, int64_t columns, bool logarithm, std::span<const T> x, std::span<T> y) {
  if (columns == 0) return;
  // Exponentials go through the vector kernel, a chunk at a time; sums run in the row's own order.
  parallel_for(rows, std::max<int64_t>(1, elementwise_grain / 4 / columns), [&](int64_t begin, int64_t end) {
    const auto n = static_cast<size_t>(columns);
    for (int64_t r = begin; r < end; ++r) {
      const std::span<const T> in = x.subspan(static_cast<size_t>(r) * n, n);
      const std::span<T> out = y.subspan(static_cast<size_t>(r) * n, n);
      const T top = fold(in.data(), columns, Larger{});
      for (size_t i = 0; i < n; ++i) out[i] = in[i] - top;
      T sum = 0;
      for (size_t first = 0; first < n; first += 512) {
        std::array<T, 512> chunk;
        const size_t count = std::min(chunk.size(), n - first);
        const std::span<T> terms = logarithm ? std::span(chunk).first(count) : out.subspan(first, count);
        unary(Unary::exp, 0, out.subspan(first, count), terms);
        sum += fold(terms.data(), static_cast<int64_t>(count), Add{});
      }
      const T log_sum = std::log(sum), scale = T{1} / sum;
      for (size_t i = 0; i < n; ++i) out[i] = logarithm ? out[i] - log_sum : out[i] * scale;
    }
  });
}

}  // namespace

void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const float> x, std::span<float> y) {
  softmax_rows(rows, columns, logarithm, x, y);
}
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const double> x, std::span<double> y) {
  softmax_rows(rows, columns, logarithm, x, y);
}

}  // namespace tandem::kernels
