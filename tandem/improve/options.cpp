#include <tandem/improve/options.h>
#include <tandem/improve/sampler.h>
#include <tandem/train/recipe.h>

#include <algorithm>

namespace tandem::improve {

void Halving::fields(Fields& f) {
  f("factor", factor, {1, 100});
  f("first", first, {1, 1e9});
}

std::vector<int64_t> Halving::rungs(int64_t epochs) const {
  std::vector<int64_t> out;
  if (factor > 1)
    for (int64_t at = first; at < epochs; at *= factor) out.push_back(at);
  out.push_back(epochs);
  return out;
}

void SearchOptions::fields(Fields& f) {
  f("objectives", objectives);
  f("sampler", sampler, sampler_names());
  f("trials", trials, {1, 1e6});
  f("seed", seed);
  f("halving", halving);
  // Read by Space::read from the whole section.
  for (const char* name : {"space", "set"})
    f.custom(
        name, [](const Config&) {}, [] { return Config(); });
}

std::vector<Objective> SearchOptions::wanted() const {
  std::vector<Objective> out;
  for (const std::string& name : objectives) out.push_back(Objective::of(name));
  return out;
}

SearchOptions SearchOptions::read(const Config& recipe) {
  const Config section = recipe.get("search");
  if (section.is_null())
    recipe.fail(
        "has no search: section, so there is nothing to choose: add one, as in\n"
        "  search:\n    space:\n      optimizer.lr: {low: 1e-4, high: 1e-1, log: true}");
  SearchOptions out;
  Fields::read(section, out, "search");
  const auto at = [&](const char* key, const std::string& message) {
    const Config node = section.get(key);
    (node.is_null() ? section : node).fail(message);
  };
  if (out.objectives.empty()) at("objectives", "search.objectives: name at least one, as in accuracy");
  try {
    (void)out.wanted();
  } catch (const Error& e) {
    at("objectives", e.what());
  }
  for (const auto& name : out.objectives)
    if (std::ranges::count(out.objectives, name) > 1) at("objectives", "search.objectives: " + name + " stands twice");
  out.space = Space::read(section);
  try {
    (void)make_sampler(out.sampler, out.space);
  } catch (const Error& e) {
    at("sampler", e.what());
  }
  out.space.check(recipe, [&](const Config& made) {
    const train::Recipe r = train::Recipe::read(made);
    const bool watched = r.data.validation > 0;
    if (!watched && std::ranges::any_of(out.objectives, [](const auto& o) { return o == "accuracy" || o == "loss"; }) &&
        made.get("data").get("validation").is_scalar())
      fail("data.validation", "is 0, but trials are compared on the validation part: set it to 0.1, say");
    if (r.train.epochs < 1) fail("train.epochs", "is 0: a trial must train to be judged");
  });
  return out;
}

}  // namespace tandem::improve
