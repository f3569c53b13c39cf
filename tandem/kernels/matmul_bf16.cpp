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

constexpr int64_t product = 40, packed_product = 41;  // in a key: the kinds of convolutions are other numbers

// What adds the result to what is there.
dnnl::post_ops sum() {
  dnnl::post_ops out;
  out.append_sum(1);
  return out;
}

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
    if (adds) attributes.set_post_ops(sum());
    const dnnl::matmul::primitive_desc made(desc, attributes, onednn::engine());
    return onednn::Prepared{dnnl::matmul(made), a, b, added, c, made.scratchpad_desc(), made.impl_info_str()};
  });
}

const onednn::Prepared& packed(const PackedProduct::Sizes& s) {
  return onednn::prepared({packed_product, s.m, s.n, s.k, s.adds}, [&] {
    using tag = memory::format_tag;
    const auto narrow = memory::data_type::bf16;
    const auto a = onednn::layout({s.m, s.k}, tag::ab, narrow);
    const auto b = onednn::layout({s.k, s.n}, tag::any, narrow);
    const auto c = onednn::layout({s.m, s.n}, tag::ab);
    dnnl::primitive_attr attributes = onednn::user_scratchpad();
    if (s.adds) attributes.set_post_ops(sum());
    const dnnl::matmul::primitive_desc made(dnnl::matmul::desc(a, b, c), attributes, onednn::engine());
    return onednn::Prepared{dnnl::matmul(made),  a, made.weights_desc(), {}, c, made.scratchpad_desc(),
                            made.impl_info_str()};
  });
}

// Each part packs B for itself: few rows would not pay for it.
int64_t rows_of_part(int64_t m) { return m >= 1024 ? 256 : m >= 256 ? 128 : 64; }

// Batches of texts, and draws of words, have another size each time; a primitive takes longer to make than to run, and
// is kept. So columns and inner sizes are filled up with zeros to one of few sizes.
int64_t filled_up(int64_t size) {
  const int64_t step = size <= 1024 ? 16 : 64;
  return (size + step - 1) / step * step;
}

// A matrix as height x width with zeros behind its own rows and columns; the memory itself where it has that size.
template <class T>
class Filled {
 public:
  Filled(const T* from, int64_t own_height, int64_t own_width, int64_t height, int64_t width) : data_(from) {
    if (own_height == height && own_width == width) return;
    copy_ = Block(static_cast<size_t>(height * width) * sizeof(T));
    T* to = copy_.as<T>();
    for (int64_t row = 0; row < own_height; ++row)
      to = std::fill_n(std::copy_n(from + row * own_width, own_width, to), width - own_width, T{});
    std::fill_n(to, (height - own_height) * width, T{});
    data_ = copy_.as<T>();
  }
  [[nodiscard]] const T* data() const { return data_; }

 private:
  Block copy_;
  const T* data_;
};

}  // namespace

void matmul(const MatmulShape& given, std::span<const BFloat16> a, std::span<const BFloat16> b,
            std::span<const float> bias, std::span<float> c) {
  if (!has_bf16_dot() || given.m == 0 || given.n == 0 || given.k == 0)
    return matmul(given, Widened(a).values(), Widened(b).values(), bias, c);
  MatmulShape s = given;
  s.n = filled_up(given.n), s.k = filled_up(given.k);
  const Filled<BFloat16> right(b.data(), s.transpose_b ? given.n : given.k, s.transpose_b ? given.k : given.n,
                               s.transpose_b ? s.n : s.k, s.transpose_b ? s.k : s.n);
  const Filled<float> added(bias.data(), bias.empty() ? 0 : 1, bias.empty() ? 0 : given.n, bias.empty() ? 0 : 1,
                            bias.empty() ? 0 : s.n);
  parallel_for(s.m, rows_of_part(s.m), [&](int64_t begin, int64_t end) {
    Block turned;
    if (s.transpose_a) {
      turned = Block(static_cast<size_t>((end - begin) * s.k) * sizeof(BFloat16));
      transpose(a.data() + begin, s.m, given.k, end - begin, turned.as<BFloat16>(), s.k);
      for (int64_t row = 0; row < end - begin; ++row)
        std::fill_n(turned.as<BFloat16>() + row * s.k + given.k, s.k - given.k, BFloat16{});
    }
    const Filled<BFloat16> left(s.transpose_a ? turned.as<BFloat16>() : a.data() + begin * given.k, end - begin,
                                s.transpose_a ? s.k : given.k, end - begin, s.k);
    const Block room(s.n == given.n ? 64 : static_cast<size_t>((end - begin) * s.n) * sizeof(float));
    float* result = s.n == given.n ? c.data() + begin * s.n : room.as<float>();
    // Powers of two of rows, for the same reason.
    for (int64_t row = 0; row < end - begin;) {
      const auto rows = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(end - begin - row)));
      const onednn::Prepared& op = part(s, rows, !bias.empty());
      const BFloat16* a_at = left.data() + row * s.k;
      float* c_at = result + row * s.n;
      if (bias.empty())
        onednn::run(
            op,
            {{DNNL_ARG_SRC, op.src, a_at}, {DNNL_ARG_WEIGHTS, op.weights, right.data()}, {DNNL_ARG_DST, op.dst, c_at}});
      else
        onednn::run(op, {{DNNL_ARG_SRC, op.src, a_at},
                         {DNNL_ARG_WEIGHTS, op.weights, right.data()},
                         {DNNL_ARG_BIAS, op.bias, added.data()},
                         {DNNL_ARG_DST, op.dst, c_at}});
      row += rows;
    }
    for (int64_t row = 0; s.n != given.n && row < end - begin; ++row)
      std::copy_n(result + row * s.n, given.n, c.data() + (begin + row) * given.n);
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

PackedProduct::PackedProduct(const Sizes& sizes, std::span<const float> b)
    : op_(packed(sizes)), packed_(op_.weights.get_size()) {
  using tag = memory::format_tag;
  onednn::reorder(onednn::layout({sizes.k, sizes.n}, sizes.transpose_b ? tag::ba : tag::ab), b.data(), op_.weights,
                  packed_.data());
}

void PackedProduct::run(const BFloat16* a, float* c) const {
  onednn::run(
      op_, {{DNNL_ARG_SRC, op_.src, a}, {DNNL_ARG_WEIGHTS, op_.weights, packed_.data()}, {DNNL_ARG_DST, op_.dst, c}});
}

}  // namespace tandem::kernels
