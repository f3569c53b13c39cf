#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/nn/inference.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/linear.h>
#include <tandem/tasks/translator.h>

#include <algorithm>
#include <functional>

namespace tandem::tasks {
namespace {

// A product of fewer rows sums in another order (kernels/matmul.h): with as many as this, a row does not depend on how
// many others there are.
constexpr int64_t least_rows = 4;

constexpr size_t side_by_side = 256;  // beginnings, which keep the processor busy

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

Translator::Translator(TranslationModel model) : model_(std::move(model)) {
  ready_.encoder = nn::for_inference(model_.net.encoder);
  ready_.decoder = nn::for_inference(model_.net.decoder);
}

std::vector<Translated> Translator::translate(std::span<const std::string> texts, const BeamOptions& options) const {
  options.check();
  const data::SpecialTokens& special = model_.source.special();
  const int64_t most = model_.reading.length.most;
  std::vector<Translated> out(texts.size());
  std::vector<std::vector<int32_t>> sources;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<int32_t> ids = model_.source.encode(texts[i]);
    if (ids.empty()) fail("translate", "text {} is empty: there is nothing to translate", i + 1);
    if (most > 0 && std::ssize(ids) >= most) {
      if (model_.reading.length.longer == "refuse")
        fail("translate", "text {} has {} tokens, this model reads {}: divide it into sentences", i + 1,
             std::ssize(ids), most - 1);
      out[i].cut = true;
      ids = model_.source.encode(texts[i], {most - 1, model_.reading.length.longer});
    }
    out[i].source_tokens = std::ssize(ids);
    out[i].unknown = std::ranges::count(ids, special.unknown);
    ids.push_back(special.end);
    sources.push_back(std::move(ids));
  }
  const data::SpecialTokens& target = model_.target.special();
  const size_t group = std::max<size_t>(1, side_by_side / static_cast<size_t>(options.beam));
  for (size_t first = 0; first < sources.size(); first += group) {
    const auto some = std::span(sources).subspan(first, std::min(group, sources.size() - first));
    SearchSpace space{.start = target.start, .end = target.end, .forbidden = {target.unknown, target.start}};
    for (const auto& source : some) {
      const int64_t longest = 3 * (std::ssize(source) - 1) + 10;
      space.longest.push_back(most > 0 ? std::min(longest, most - 1) : longest);
    }
    Continuations next(ready_, some);
    const std::vector<Found> found = beam_search(std::ref(next), space, options);
    for (size_t i = 0; i < found.size(); ++i) {
      out[first + i].text = model_.target.decode(found[i].tokens);
      out[first + i].score = found[i].score;
      out[first + i].tokens = std::ssize(found[i].tokens);
    }
  }
  return out;
}

Translated Translator::translate(const std::string& text, const BeamOptions& options) const {
  return translate(std::span(&text, 1), options).front();
}

}  // namespace tandem::tasks
