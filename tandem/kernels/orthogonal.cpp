#include <tandem/kernels/bfloat16.h>
#include <tandem/kernels/matmul.h>
#include <tandem/kernels/optim.h>
#include <tandem/kernels/orthogonal.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::kernels {

void orthogonalize(int64_t rows, int64_t cols, std::span<const float> x, std::span<float> out, bool bf16) {
  constexpr float a = 3.4445F, b = -4.7750F, c = 2.0315F;
  const bool wide = rows <= cols;  // the Gram matrix is taken on the shorter side
  const int64_t n = std::min(rows, cols), k = std::max(rows, cols);
  const auto norm = static_cast<float>(std::max(std::sqrt(sum_of_squares(x)), 1e-7));
  std::vector<float> now(x.size()), gram(static_cast<size_t>(n * n)), square(gram.size());
  std::transform(x.begin(), x.end(), now.begin(), [norm](float v) { return v / norm; });
  std::vector<BFloat16> left(bf16 ? now.size() : 0), right(left.size());
  const auto product = [&](const MatmulShape& s, std::span<const float> p, std::span<const float> q,
                           std::span<float> into) {
    if (!bf16) return matmul(s, p, q, {}, into);
    const auto first = std::span(left).first(p.size()), second = std::span(right).first(q.size());
    narrow(p, first);
    narrow(q, second);
    matmul(s, first, second, {}, into);
  };
  for (int step = 0; step < 5; ++step) {
    // X <- (a + b G + c G²) X with G = X Xᵀ, or X (a + b G + c G²) with G = Xᵀ X
    product({n, n, k, !wide, wide}, now, now, gram);
    product({n, n, n}, gram, gram, square);
    for (size_t i = 0; i < gram.size(); ++i) gram[i] = b * gram[i] + c * square[i];
    if (wide)
      product({rows, cols, n}, gram, now, out);
    else
      product({rows, cols, n}, now, gram, out);
    for (size_t i = 0; i < now.size(); ++i) out[i] = now[i] = a * now[i] + out[i];
  }
}

}  // namespace tandem::kernels
