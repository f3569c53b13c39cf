#include <tandem/base/threads.h>
#include <tandem/kernels/sequence.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace tandem::kernels {
namespace {

// Calls fn(sequence, first row in, first row out) on several threads.
template <class Fn>
void each_sequence(std::span<const int64_t> in, std::span<const int64_t> out, int64_t row_work, Fn&& fn) {
  const size_t n = in.size();
  std::vector<int64_t> in_at(n + 1, 0), out_at(n + 1, 0);
  std::partial_sum(in.begin(), in.end(), in_at.begin() + 1);
  std::partial_sum(out.begin(), out.end(), out_at.begin() + 1);
  const int64_t work = std::max<int64_t>(1, in_at[n] * row_work), count = static_cast<int64_t>(n);
  parallel_for(count, std::max<int64_t>(1, count * elementwise_grain / work), [&](int64_t begin, int64_t end) {
    for (auto s = static_cast<size_t>(begin); s < static_cast<size_t>(end); ++s) fn(s, in_at[s], out_at[s]);
  });
}

int64_t rows_a_task(int64_t width) { return std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, width)); }

}  // namespace

template <class T>
void gather_rows(std::span<const T> table, int64_t width, std::span<const int64_t> index, std::span<T> y) {
  parallel_for(static_cast<int64_t>(index.size()), rows_a_task(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::copy_n(table.data() + index[static_cast<size_t>(i)] * width, width, y.data() + i * width);
  });
}

template <class T>
void scatter_rows(std::span<const T> g, int64_t width, std::span<const int64_t> index, std::span<T> table) {
  if (width == 0 || table.empty()) return;
  // Rows by the entry that they go to, in order: counting sort.
  const int64_t entries = static_cast<int64_t>(table.size()) / width;
  std::vector<int64_t> begin_of(static_cast<size_t>(entries) + 1, 0), rows(index.size());
  for (const int64_t j : index) ++begin_of[static_cast<size_t>(j) + 1];
  std::partial_sum(begin_of.begin(), begin_of.end(), begin_of.begin());
  std::vector<int64_t> at(begin_of.begin(), begin_of.end() - 1);
  for (size_t i = 0; i < index.size(); ++i)
    rows[static_cast<size_t>(at[static_cast<size_t>(index[i])]++)] = static_cast<int64_t>(i);
  parallel_for(entries, rows_a_task(width), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      T* into = table.data() + j * width;
      int64_t i = begin_of[static_cast<size_t>(j)];
      const int64_t last = begin_of[static_cast<size_t>(j) + 1];
      if (i == last) std::fill_n(into, width, T{0});
      for (bool is_first = true; i < last; ++i, is_first = false) {
        const T* from = g.data() + rows[static_cast<size_t>(i)] * width;
        if (is_first)
          std::copy_n(from, width, into);
        else
          for (int64_t c = 0; c < width; ++c) into[c] += from[c];
      }
    }
  });
}

template <class T>
void windows(const WindowShape& s, std::span<const T> x, std::span<T> y) {
  each_sequence(s.lengths, s.out_lengths, s.kernel * s.width, [&](size_t n, int64_t in_at, int64_t out_at) {
    T* into = y.data() + out_at * s.kernel * s.width;
    for (int64_t i = 0; i < s.out_lengths[n]; ++i)
      for (int64_t k = 0; k < s.kernel; ++k, into += s.width) {
        const int64_t row = i - s.before + k * s.dilation;
        if (row < 0 || row >= s.lengths[n])
          std::fill_n(into, s.width, T{0});
        else
          std::copy_n(x.data() + (in_at + row) * s.width, s.width, into);
      }
  });
}

template <class T>
void windows_grad(const WindowShape& s, std::span<const T> gy, std::span<T> gx) {
  each_sequence(s.lengths, s.out_lengths, s.kernel * s.width, [&](size_t n, int64_t in_at, int64_t out_at) {
    for (int64_t row = 0; row < s.lengths[n]; ++row) {
      T* into = gx.data() + (in_at + row) * s.width;
      std::fill_n(into, s.width, T{0});
      for (int64_t k = 0; k < s.kernel; ++k) {
        const int64_t i = row + s.before - k * s.dilation;
        if (i < 0 || i >= s.out_lengths[n]) continue;
        const T* from = gy.data() + ((out_at + i) * s.kernel + k) * s.width;
        for (int64_t c = 0; c < s.width; ++c) into[c] += from[c];
      }
    }
  });
}

template <class T>
void rotate_heads(const RotateShape& s, std::span<const T> turns, T sign, std::span<const T> x, std::span<T> y) {
  const int64_t half = s.size / 2, turned = s.heads * s.size;
  parallel_for(s.rows, rows_a_task(s.columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T *cosine = turns.data() + i * s.size, *sine = cosine + half;
      for (int64_t head = 0; head < s.heads; ++head) {
        const T* from = x.data() + i * s.columns + head * s.size;
        T* to = y.data() + i * s.columns + head * s.size;
        for (int64_t c = 0; c < half; ++c) {
          to[c] = from[c] * cosine[c] - from[half + c] * (sign * sine[c]);
          to[half + c] = from[c] * (sign * sine[c]) + from[half + c] * cosine[c];
        }
      }
      std::copy_n(x.data() + i * s.columns + turned, s.columns - turned, y.data() + i * s.columns + turned);
    }
  });
}

template <class T>
void pool_sequences(Pooling how, std::span<const int64_t> lengths, int64_t width, std::span<const T> x, std::span<T> y,
                    std::span<int32_t> where) {
  const std::vector<int64_t> one(lengths.size(), 1);
  each_sequence(lengths, one, width, [&](size_t n, int64_t in_at, int64_t out_at) {
    const T* first = x.data() + in_at * width;
    T* into = y.data() + out_at * width;
    std::copy_n(how == Pooling::last ? first + (lengths[n] - 1) * width : first, width, into);
    if (how == Pooling::mean) {
      for (int64_t i = 1; i < lengths[n]; ++i)
        for (int64_t c = 0; c < width; ++c) into[c] += first[i * width + c];
      const T share = T{1} / static_cast<T>(lengths[n]);
      for (int64_t c = 0; c < width; ++c) into[c] *= share;
    } else if (how == Pooling::max) {
      int32_t* at = where.data() + out_at * width;
      std::fill_n(at, width, 0);
      for (int64_t i = 1; i < lengths[n]; ++i)
        for (int64_t c = 0; c < width; ++c) {
          const T value = first[i * width + c];
          const bool larger = !(value <= into[c]) && into[c] == into[c];  // a NaN wins and stays
          into[c] = larger ? value : into[c];
          at[c] = larger ? static_cast<int32_t>(i) : at[c];
        }
    }
  });
}

template <class T>
void pool_sequences_grad(Pooling how, std::span<const int64_t> lengths, int64_t width, std::span<const T> gy,
                         std::span<const int32_t> where, std::span<T> gx) {
  const std::vector<int64_t> one(lengths.size(), 1);
  each_sequence(lengths, one, width, [&](size_t n, int64_t in_at, int64_t out_at) {
    T* into = gx.data() + in_at * width;
    const T* from = gy.data() + out_at * width;
    if (how == Pooling::mean) {
      const T share = T{1} / static_cast<T>(lengths[n]);
      for (int64_t i = 0; i < lengths[n]; ++i)
        for (int64_t c = 0; c < width; ++c) into[i * width + c] = from[c] * share;
      return;
    }
    std::fill_n(into, lengths[n] * width, T{0});
    if (how == Pooling::max)
      for (int64_t c = 0; c < width; ++c) into[where[static_cast<size_t>(out_at * width + c)] * width + c] = from[c];
    else
      std::copy_n(from, width, how == Pooling::last ? into + (lengths[n] - 1) * width : into);
  });
}

#define TANDEM_INSTANTIATE(T)                                                                                   \
  template void gather_rows<T>(std::span<const T>, int64_t, std::span<const int64_t>, std::span<T>);            \
  template void scatter_rows<T>(std::span<const T>, int64_t, std::span<const int64_t>, std::span<T>);           \
  template void windows<T>(const WindowShape&, std::span<const T>, std::span<T>);                               \
  template void windows_grad<T>(const WindowShape&, std::span<const T>, std::span<T>);                          \
  template void rotate_heads<T>(const RotateShape&, std::span<const T>, T, std::span<const T>, std::span<T>);   \
  template void pool_sequences<T>(Pooling, std::span<const int64_t>, int64_t, std::span<const T>, std::span<T>, \
                                  std::span<int32_t>);                                                          \
  template void pool_sequences_grad<T>(Pooling, std::span<const int64_t>, int64_t, std::span<const T>,          \
                                       std::span<const int32_t>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
