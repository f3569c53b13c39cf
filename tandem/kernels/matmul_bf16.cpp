#include <tandem/base/threads.h>
#include <tandem/kernels/bfloat16.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/matmul.h>
#include <tandem/kernels/matmul_bf16.h>
#include <tandem/kernels/onednn.h>

#include <algorithm>
#include <bit>
#include <functional>

namespace tandem::kernels {
namespace {

using dnnl::memory;

constexpr int64_t product = 40;  // in a key: the kinds of convolutions are other numbers

// `rows` rows of A, or of its transpose where A lies so already, times all of B. oneDNN's kernel for tiles takes dense
// matrices only, so a part is whole rows of C and of what lies as A's rows.
const onednn::Prepared& part(const MatmulShape& s, int64_t rows, bool bias, bool adds = false) {
  return onednn::prepared({product, rows, s.n, s.k, s.transpose_b, bias, adds}, [&] {
    using tag = memory::format_tag;
    const auto narrow = memory::data_type::bf16;
    const auto a = onednn::layout({rows, s.k}, tag::ab, narrow);
    const auto b = onednn::layout({s.k, s.n}, s.transpose_b ? tag::ba : tag::ab, narrow);
    const auto c = onednn::layout({rows, s.n}, tag::ab);
    const auto added = bias ? onednn::layout({1, s.n}, tag::ab) : memory::desc();
    const auto desc = bias ? dnnl::matmul::desc(a, b, added, c) : dnnl::matmul::desc(a, b, c);
    dnnl::primitive_attr attributes = onednn::user_scratchpad();
    if (adds) {
      dnnl::post_ops sum;
      sum.append_sum(1);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::primitive_desc made(desc, attributes, onednn::engine());
    return onednn::Prepared{dnnl::matmul(made), a, b, added, c, made.scratchpad_desc(), made.impl_info_str()};
  });
}

// Each part packs B for itself: few rows would not pay for it.
int64_t rows_of_part(int64_t m) { return m >= 1024 ? 256 : m >= 256 ? 128 : 64; }

}  // namespace

void matmul(const MatmulShape& s, std::span<const BFloat16> a, std::span<const BFloat16> b, std::span<const float> bias,
            std::span<float> c) {
  if (!has_bf16_dot() || s.m == 0 || s.n == 0 || s.k == 0)
    return matmul(s, Widened(a).values(), Widened(b).values(), bias, c);
  parallel_for(s.m, rows_of_part(s.m), [&](int64_t begin, int64_t end) {
    const BFloat16* rows_of_a = a.data() + begin * s.k;
    Block turned;
    if (s.transpose_a) {
      turned = Block(static_cast<size_t>((end - begin) * s.k) * sizeof(BFloat16));
      transpose(a.data() + begin, s.m, s.k, end - begin, turned.as<BFloat16>());
      rows_of_a = turned.as<BFloat16>();
    }
    // Powers of two, so that batches of texts, each of its own length, need few primitives.
    for (int64_t row = begin; row < end;) {
      const auto rows = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(end - row)));
      const onednn::Prepared& op = part(s, rows, !bias.empty());
      const BFloat16* a_at = rows_of_a + (row - begin) * s.k;
      float* c_at = c.data() + row * s.n;
      if (bias.empty())
        onednn::run(
            op, {{DNNL_ARG_SRC, op.src, a_at}, {DNNL_ARG_WEIGHTS, op.weights, b.data()}, {DNNL_ARG_DST, op.dst, c_at}});
      else
        onednn::run(op, {{DNNL_ARG_SRC, op.src, a_at},
                         {DNNL_ARG_WEIGHTS, op.weights, b.data()},
                         {DNNL_ARG_BIAS, op.bias, bias.data()},
                         {DNNL_ARG_DST, op.dst, c_at}});
      row += rows;
    }
  });
}

void add_product(int64_t m, int64_t n, int64_t k, std::span<const BFloat16> a, std::span<const BFloat16> b,
                 std::span<float> c) {
  if (m == 0 || n == 0 || k == 0) return;
  if (!has_bf16_dot()) {
    const Widened more(c.size());
    matmul({m, n, k}, Widened(a).values(), Widened(b).values(), {}, more.values());
    std::transform(c.begin(), c.end(), more.values().begin(), c.begin(), std::plus<float>());
    return;
  }
  const onednn::Prepared& op = part({m, n, k}, m, false, true);
  onednn::run(
      op,
      {{DNNL_ARG_SRC, op.src, a.data()}, {DNNL_ARG_WEIGHTS, op.weights, b.data()}, {DNNL_ARG_DST, op.dst, c.data()}});
}

}  // namespace tandem::kernels
