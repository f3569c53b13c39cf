#include <tandem/nn/memory.h>
#include <tandem/nn/module.h>
#include <tandem/ops/linear.h>

namespace tandem::nn {

void Memory::keep(std::span<const int64_t> order) {
  const Tensor index = Tensor::from(order, {static_cast<int64_t>(order.size())});
  for (auto& [layer, part] : parts_) {
    for (RecurrentState& state : part.states) {
      if (state.h.defined()) state.h = embedding(state.h, index);
      if (state.c.defined()) state.c = embedding(state.c, index);
    }
    std::vector<KeyValues> caches;
    std::vector<int64_t> seen;
    for (const int64_t i : order) {
      if (!part.caches.empty()) {
        const KeyValues& from = part.caches.at(static_cast<size_t>(i));
        caches.push_back({from.keys.clone(), from.values.clone(), from.rows});
      }
      if (!part.seen.empty()) seen.push_back(part.seen.at(static_cast<size_t>(i)));
    }
    part.caches = std::move(caches), part.seen = std::move(seen);
  }
}

std::vector<int64_t> positions_of(const Pass& pass, std::vector<int64_t>* seen, int64_t rows) {
  expect_lengths("positions", pass.lengths, rows);
  if (seen && seen->empty()) seen->resize(pass.lengths.size(), 0);
  if (seen && seen->size() != pass.lengths.size())
    fail("positions", "the memory holds {} sequences, the batch {}: keep() says which go on", seen->size(),
         pass.lengths.size());
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(rows));
  for (size_t s = 0; s < pass.lengths.size(); ++s) {
    const int64_t first = seen ? (*seen)[s] : 0;
    for (int64_t i = 0; i < pass.lengths[s]; ++i) out.push_back(first + i);
    if (seen) (*seen)[s] += pass.lengths[s];
  }
  return out;
}

}  // namespace tandem::nn
