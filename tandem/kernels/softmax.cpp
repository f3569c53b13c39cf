#include <tandem/base/threads.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/softmax.h>

#include <algorithm>
#include <cmath>

namespace tandem::kernels {
namespace {

template <class T>
void softmax_rows(int64_t rows, int64_t columns, bool logarithm, std::span<const T> x, std::span<T> y) {
  if (columns == 0) return;
  // A row's exponentials go through the vector kernel; sums run in the row's own order.
  parallel_for(rows, std::max<int64_t>(1, elementwise_grain / 4 / columns), [&](int64_t begin, int64_t end) {
    const auto n = static_cast<size_t>(columns);
    for (int64_t r = begin; r < end; ++r) {
      const std::span<const T> in = x.subspan(static_cast<size_t>(r) * n, n);
      const std::span<T> out = y.subspan(static_cast<size_t>(r) * n, n);
      const T top = *std::ranges::max_element(in);
      for (size_t i = 0; i < n; ++i) out[i] = in[i] - top;
      if (logarithm) {
        T sum = 0;
        for (size_t i = 0; i < n; ++i) sum += std::exp(out[i]);
        const T log_sum = std::log(sum);
        for (size_t i = 0; i < n; ++i) out[i] -= log_sum;
      } else {
        unary(Unary::exp, 0, out, out);
        T sum = 0;
        for (size_t i = 0; i < n; ++i) sum += out[i];
        const T scale = T{1} / sum;
        for (size_t i = 0; i < n; ++i) out[i] *= scale;
      }
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
