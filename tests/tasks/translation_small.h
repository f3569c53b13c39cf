// A made-up language that stands in another order than its translation, and tiny models for both.
#pragma once
#include <tandem/base/random.h>
#include <tandem/tasks/translation.h>
#include <tandem/tasks/translator.h>

#include "tests/testing.h"

namespace tandem::testing {

/// "le chat noir voit un grand chien" in made-up words: verb last, adjectives behind their nouns and only sometimes
/// there, words one for one, but for the point.
inline data::Pairs made_up_pairs(int64_t count, uint64_t seed) {
  const char* const nouns[][2] = {{"dog", "canu"}, {"cat", "felo"}, {"bird", "avi"}, {"fish", "pisu"}, {"cow", "bovo"}};
  const char* const adjectives[][2] = {{"red", "rubi"}, {"big", "granu"}, {"old", "veta"}, {"wet", "molu"}};
  const char* const verbs[][2] = {{"sees", "vida"}, {"hears", "auda"}, {"wants", "vola"}};
  data::Pairs out;
  Rng rng(seed, "made up");
  for (int64_t i = 0; i < count; ++i) {
    std::string source, target;
    const auto thing = [&](const char* article, const char* its) {
      const auto& noun = nouns[rng.below(5)];
      const auto& adjective = adjectives[rng.below(4)];
      const bool plain = rng.chance(0.3);
      source += std::string(article) + (plain ? "" : std::string(" ") + adjective[0]) + " " + noun[0];
      target += std::string(its) + " " + noun[1] + (plain ? "" : std::string(" ") + adjective[1]);
    };
    thing("the", "la");
    const auto& verb = verbs[rng.below(3)];
    source += std::string(" ") + verb[0] + " ", target += " ";
    thing("a", "uno");
    out.source.push_back(source + " ."), out.target.push_back(target + " " + verb[1]);
  }
  return out;
}

inline const char* const tiny_translator =
    "{encoder: [embedding: {width: 32, deviation: 0.5}, positions: {most: 20, deviation: 0.5}, "
    "transformer: {layers: 1, heads: 4, hidden: 64}], "
    "decoder: [embedding: {width: 32, deviation: 0.5}, positions: {most: 20, deviation: 0.5}, "
    "transformer: {layers: 1, heads: 4, hidden: 64, causal: true, cross: true}, tied_head]}";

inline const char* const tiny_shared_translator =
    "{encoder: [embedding: {width: 24, deviation: 0.2}, transformer: {layers: 1, heads: 2, hidden: 48, rotary: true}], "
    "decoder: [tied_embedding, "
    "transformer: {layers: 2, heads: 2, hidden: 48, causal: true, cross: true, rotary: true}, tied_head]}";

inline tasks::TranslationModel tiny_translation_model(const data::Pairs& train, const char* network = tiny_translator,
                                                      bool shared = false) {
  tasks::TranslationModel model;
  Fields::read(Config::parse(network, "network.yaml"), model.net, "network");
  model.reading = {.from = "en", .to = "xx", .shared = shared, .length = {.most = 20}};
  model.fit({}, train);
  model.build(Rng(1, "weights"));
  return model;
}

}  // namespace tandem::testing
