#include <tandem/base/text.h>
#include <tandem/improve/sampler.h>

#include <algorithm>

namespace tandem::improve {

const std::vector<std::string>& sampler_names() {
  static const std::vector<std::string> names{"random", "tpe", "cma_es"};
  return names;
}

std::unique_ptr<Sampler> make_sampler(const std::string& name, const Space& space) {
  if (name == "random") return std::make_unique<RandomSampler>();
  if (name == "tpe") return std::make_unique<TpeSampler>();
  if (name != "cma_es") {
    const std::string near = nearest_name(name, sampler_names());
    fail("search.sampler", "'{}' is not known{}; valid: {}", name,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(sampler_names()));
  }
  for (const Parameter& p : space.parameters())
    if (p.is_choice() || !p.when.empty())
      fail("search.sampler", "cma_es takes numbers only, but {} {}: use tpe", p.name,
           p.is_choice() ? "has choices" : "is not always there");
  return std::make_unique<CmaSampler>();
}

Point RandomSampler::next(const Space& space, std::span<const Scored>, Rng rng) const { return space.draw(rng); }

}  // namespace tandem::improve
