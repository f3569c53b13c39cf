#include <tandem/base/threads.h>
#include <tandem/tasks/views.h>

#include <algorithm>

namespace tandem::tasks {

void Views::fields(Fields& f) {
  f("flip", flip);
  f("shift", shift, {0, 64});
}

Tensor Views::of(const Tensor& batch, int64_t index) const {
  if (batch.rank() != 4 || index < 0 || index >= count())
    fail("views", "view {} of {} of a batch {}: expected images (n, h, w, c)", index, count(), batch.shape());
  if (index == 0) return batch;
  const int64_t n = batch.size(0), h = batch.size(1), w = batch.size(2), c = batch.size(3);
  const bool mirrored = flip && index % 2 == 1;
  const int64_t move = (flip ? index / 2 : index) * shift;  // 0, one or two times `shift`
  const int64_t by = move > shift ? -shift : move;
  Tensor out = Tensor::empty(batch.shape(), batch.dtype());
  const auto from = batch.data<const float>();
  const auto into = out.data<float>();
  parallel_for(n * h, 16, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t y = std::clamp<int64_t>(line % h + by, 0, h - 1);
      for (int64_t x = 0; x < w; ++x) {
        const int64_t seen = std::clamp<int64_t>((mirrored ? w - 1 - x : x) + by, 0, w - 1);
        std::copy_n(&from[static_cast<size_t>(((line / h * h + y) * w + seen) * c)], c,
                    &into[static_cast<size_t>((line * w + x) * c)]);
      }
    }
  });
  return out;
}

}  // namespace tandem::tasks
