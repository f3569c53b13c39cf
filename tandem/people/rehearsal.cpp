#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/people/kept.h>
#include <tandem/people/rehearsal.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <cmath>

namespace tandem::people {

std::vector<Decision> decide(tasks::Classifier& model, const data::Dataset& set, const std::string& name) {
  const evaluate::Outputs outputs = model.outputs(set);
  const Tensor p = model.calibrated(outputs.probabilities);
  const std::vector<evaluate::Verdict> verdicts =
      model.confidence ? model.confidence->judge(outputs) : std::vector<evaluate::Verdict>{};
  const int64_t version = version_of(model).number;
  std::vector<Decision> out;
  for (int64_t i = 0; i < set.size(); ++i) {
    const auto row = p.rows(i, i + 1).data<const float>();
    const auto best = static_cast<size_t>(model.answer(row));
    Kept own = kept(model.input, set, i);
    out.push_back({.model = name,
                   .version = version,
                   .media_type = std::move(own.media_type),
                   .input = std::move(own.bytes),
                   .label = model.classes[best],
                   .probability = static_cast<double>(row[best]),
                   .probabilities = {row.begin(), row.end()}});
    if (verdicts.empty()) continue;
    const evaluate::Verdict& verdict = verdicts[static_cast<size_t>(i)];
    out.back().deferred = verdict.deferred();
    out.back().reason = evaluate::reason_of(verdict.why);
  }
  return out;
}

Rehearsed rehearse(Store& store, tasks::Classifier& model, const data::Dataset& set, const std::string& name,
                   const Rehearsal& o) {
  if (set.classes != model.classes)
    fail(ErrorKind::data, set.source, "has other classes than the network: their names and order must be the same");
  const auto wrong = static_cast<int64_t>(std::llround(o.bad * static_cast<double>(o.corrections)));
  Rehearsed out;
  Rng rng(o.seed, "rehearsal");
  const std::vector<int64_t> order = rng.permutation(set.size());
  const auto say = [&](const Decision& d, int64_t person, int32_t label) {
    const int64_t id = store.add(d);
    store.correct({.decision = id,
                   .person = fmt::format("person-{}", person + 1),
                   .label = model.classes[static_cast<size_t>(label)]});
  };
  const auto done = [&] { return out.right >= o.corrections - wrong && out.wrong >= wrong; };
  constexpr int64_t batch = 500;
  for (int64_t first = 0; first < set.size() && !done(); first += batch) {
    const auto now =
        std::span(order).subspan(static_cast<size_t>(first), static_cast<size_t>(std::min(batch, set.size() - first)));
    const data::Dataset shown = data::subset(set, now);
    const std::vector<Decision> all = decide(model, shown, name);
    for (size_t i = 0; i < all.size() && !done(); ++i) {
      const int32_t truth = shown.labels[i];
      const bool mistaken = all[i].label != model.classes[static_cast<size_t>(truth)];
      ++out.shown;
      if (mistaken && out.right < o.corrections - wrong) {
        say(all[i], o.people > 1 && wrong > 0 ? 1 + out.right % (o.people - 1) : out.right % o.people, truth);
        ++out.right;
      } else if (!mistaken && out.wrong < wrong && out.wrong * (o.corrections - wrong) <= out.right * wrong) {
        const auto other = 1 + rng.below(std::ssize(model.classes) - 1);  // they come as often as the right ones
        say(all[i], 0, static_cast<int32_t>((truth + other) % std::ssize(model.classes)));
        ++out.wrong;
      }
    }
  }
  return out;
}

}  // namespace tandem::people
