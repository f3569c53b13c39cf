#include <tandem/base/threads.h>
#include <tandem/kernels/bfloat16.h>

#include <algorithm>

namespace tandem::kernels {
namespace {

// The compiler makes vectors of both conversions.
template <class From, class To>
void convert(std::span<const From> from, std::span<To> to) {
  parallel_for(static_cast<int64_t>(to.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    std::transform(from.data() + begin, from.data() + end, to.data() + begin, [](From value) { return To(value); });
  });
}

}  // namespace

void widen(std::span<const BFloat16> from, std::span<float> to) { convert(from, to); }
void narrow(std::span<const float> from, std::span<BFloat16> to) { convert(from, to); }

}  // namespace tandem::kernels
