#include <tandem/base/threads.h>
#include <tandem/kernels/matmul.h>
#include <tandem/kernels/onednn.h>

#include <algorithm>

namespace tandem::kernels {
namespace {

// One piece: m x n of C at c, with the strides of the whole arrays.
struct Piece {
  int64_t m, n, k;
  int64_t a_row, a_col, b_row, b_col, c_row;  // strides in elements
  bool bias;
};

const onednn::Prepared& product(const Piece& p) {
  const onednn::Key key{1, p.m, p.n, p.k, p.a_row, p.a_col, p.b_row, p.b_col, p.c_row, p.bias};
  return onednn::prepared(key, [&] {
    const auto a = onednn::strided({p.m, p.k}, {p.a_row, p.a_col});
    const auto b = onednn::strided({p.k, p.n}, {p.b_row, p.b_col});
    const auto c = onednn::strided({p.m, p.n}, {p.c_row, 1});
    const auto bias = p.bias ? onednn::strided({1, p.n}, {p.n, 1}) : dnnl::memory::desc();
    const auto desc = p.bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
    const dnnl::matmul::primitive_desc made(desc, onednn::user_scratchpad(), onednn::engine());
    return onednn::Prepared{dnnl::matmul(made), a, b, bias, c, made.scratchpad_desc(), made.impl_info_str()};
  });
}

}  // namespace

void matmul(const MatmulShape& s, std::span<const float> a, std::span<const float> b, std::span<const float> bias,
            std::span<float> c) {
  if (s.m == 0 || s.n == 0) return;
  if (s.k == 0) {
    for (int64_t i = 0; i < s.m * s.n; ++i)
      c[static_cast<size_t>(i)] = bias.empty() ? 0.0F : bias[static_cast<size_t>(i % s.n)];
    return;
  }
  // Cut the longer side into at most 8 pieces of some million operations each; a multiple of 16 keeps whole tiles.
  const bool by_rows = s.m >= s.n;
  const int64_t side = by_rows ? s.m : s.n;
  const int64_t pieces = std::clamp<int64_t>(s.m * s.n * s.k / 2'000'000, 1, 8);
  const int64_t step = std::max<int64_t>(16, ((side + pieces - 1) / pieces + 15) / 16 * 16);

  Piece p{s.m,
          s.n,
          s.k,
          s.transpose_a ? 1 : s.k,
          s.transpose_a ? s.m : 1,
          s.transpose_b ? 1 : s.n,
          s.transpose_b ? s.k : 1,
          s.n,
          !bias.empty()};
  parallel_for(side, step, [&](int64_t begin, int64_t end) {
    Piece piece = p;
    (by_rows ? piece.m : piece.n) = end - begin;
    const onednn::Prepared& op = product(piece);
    const float* a_at = a.data() + (by_rows ? begin * p.a_row : 0);
    const float* b_at = b.data() + (by_rows ? 0 : begin * p.b_col);
    float* c_at = c.data() + (by_rows ? begin * p.c_row : begin);
    if (p.bias)
      onednn::run(op, {{DNNL_ARG_SRC, op.src, a_at},
                       {DNNL_ARG_WEIGHTS, op.weights, b_at},
                       {DNNL_ARG_BIAS, op.bias, bias.data() + (by_rows ? 0 : begin)},
                       {DNNL_ARG_DST, op.dst, c_at}});
    else
      onednn::run(op,
                  {{DNNL_ARG_SRC, op.src, a_at}, {DNNL_ARG_WEIGHTS, op.weights, b_at}, {DNNL_ARG_DST, op.dst, c_at}});
  });
}

void matmul(const MatmulShape& s, std::span<const double> a, std::span<const double> b, std::span<const double> bias,
            std::span<double> c) {
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<size_t>(j)];
      for (int64_t l = 0; l < s.k; ++l)
        sum += a[static_cast<size_t>(s.transpose_a ? l * s.m + i : i * s.k + l)] *
               b[static_cast<size_t>(s.transpose_b ? j * s.k + l : l * s.n + j)];
      c[static_cast<size_t>(i * s.n + j)] = sum;
    }
}

}  // namespace tandem::kernels
