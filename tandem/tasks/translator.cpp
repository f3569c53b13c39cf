#include <tandem/nn/inference.h>
#include <tandem/tasks/continuations.h>
#include <tandem/tasks/translator.h>

#include <algorithm>
#include <functional>

namespace tandem::tasks {
namespace {

constexpr size_t side_by_side = 256;  // beginnings, which keep the processor busy

}  // namespace

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
