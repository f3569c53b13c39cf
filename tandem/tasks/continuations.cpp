#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/linear.h>
#include <tandem/tasks/continuations.h>

#include <algorithm>
#include <utility>

namespace tandem::tasks {
namespace {

// A product of fewer rows sums in another order (kernels/matmul.h): with as many as this, a row does not depend on how
// many others there are.
constexpr int64_t least_rows = 4;

/// As many as least_rows, by the last again.
template <class T>
std::vector<T> enough(std::span<const T> given) {
  std::vector<T> out(given.begin(), given.end());
  while (std::ssize(out) < least_rows) out.push_back(out.back());
  return out;
}

Tensor ids_of(const std::vector<int32_t>& ids) { return Tensor::from(ids, {std::ssize(ids)}); }

Tensor rows_of(const Tensor& x, const std::vector<int64_t>& which) {
  return embedding(x, Tensor::from(which, {std::ssize(which)}));
}

}  // namespace

Continuations::Continuations(const nn::EncoderDecoder& net, std::span<const std::vector<int32_t>> sources, bool cache)
    : net_(net), cache_(cache) {
  const FlushDenormals flush;
  const NoGrad off;
  std::vector<int32_t> ids;
  std::vector<int64_t> lengths;
  places_.push_back(0);
  for (size_t i = 0; i < sources.size() || std::ssize(ids) < least_rows; ++i) {
    const std::vector<int32_t>& source = sources[std::min(i, sources.size() - 1)];
    ids.insert(ids.end(), source.begin(), source.end());
    lengths.push_back(std::ssize(source));
    places_.push_back(std::ssize(ids));
  }
  net_.encode(ids_of(ids), lengths, pass_);
  encoded_ = pass_.source;
  if (cache) pass_.memory = &memory_;
}

Tensor Continuations::operator()(std::span<const int64_t> given_from, std::span<const int32_t> given_tokens) {
  const FlushDenormals flush;
  const NoGrad off;
  const std::vector<int64_t> from = enough(given_from);
  const std::vector<int32_t> tokens = enough(given_tokens);
  Tensor all;
  if (!cache_) {
    all = read_again(from, tokens);
  } else {
    if (begun_) {
      memory_.keep(from);
    } else {  // a source each
      std::vector<int64_t> which, lengths;
      for (const int64_t source : from) {
        const auto s = static_cast<size_t>(source);
        for (int64_t row = places_[s]; row < places_[s + 1]; ++row) which.push_back(row);
        lengths.push_back(places_[s + 1] - places_[s]);
      }
      pass_.source = rows_of(encoded_, which), pass_.source_lengths = lengths;
      begun_ = true;
    }
    all = widened(net_.decode(ids_of(tokens), std::vector<int64_t>(tokens.size(), 1), pass_));
    pass_.source = {};  // its keys and values are kept
  }
  return all.rows(0, std::ssize(given_from));
}

Tensor Continuations::read_again(std::span<const int64_t> from, std::span<const int32_t> tokens) {
  std::vector<Beginning> now;
  std::vector<int64_t> sources, lengths, ends;
  std::vector<int32_t> ids;
  pass_.source_lengths.clear();
  for (size_t i = 0; i < from.size(); ++i) {
    Beginning& b = now.emplace_back(begun_ ? beginnings_.at(static_cast<size_t>(from[i])) : Beginning{from[i], {}});
    b.tokens.push_back(tokens[i]);
    ids.insert(ids.end(), b.tokens.begin(), b.tokens.end());
    lengths.push_back(std::ssize(b.tokens));
    ends.push_back(std::ssize(ids) - 1);
    const auto s = static_cast<size_t>(b.source);
    for (int64_t row = places_[s]; row < places_[s + 1]; ++row) sources.push_back(row);
    pass_.source_lengths.push_back(places_[s + 1] - places_[s]);
  }
  beginnings_ = std::move(now);
  begun_ = true;
  pass_.source = rows_of(encoded_, sources);
  return rows_of(widened(net_.decode(ids_of(ids), lengths, pass_)), ends);
}

}  // namespace tandem::tasks
