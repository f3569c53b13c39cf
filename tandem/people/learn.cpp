#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/base/text.h>
#include <tandem/nn/weights.h>
#include <tandem/people/kept.h>
#include <tandem/people/learn.h>
#include <tandem/people/lock.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace tandem::people {
namespace {

tasks::Classifier copy_of(const tasks::Classifier& model) {
  tasks::Classifier out = model;
  out.net.visit("", [](const std::string&, Tensor& t, bool) { t = t.clone(); });
  return out;
}

int64_t known(tasks::Classifier& model, const data::Dataset& set) {
  const std::vector<float> p = model.predict(set);
  const size_t classes = model.classes.size();
  int64_t count = 0;
  for (size_t i = 0; i < set.labels.size(); ++i)
    count += model.answer(std::span(p).subspan(i * classes, classes)) == set.labels[i] ? 1 : 0;
  return count;
}

double accuracy(tasks::Classifier& model, const data::Dataset& set) {
  return static_cast<double>(known(model, set)) / static_cast<double>(set.size());
}

// Moves `model` by a few steps towards `lesson`, three quarters of each batch being replayed. The rate falls to 0, so
// that the last steps mend what the first ones broke. The pass is one of inference: the statistics of a batch norm and
// what dropout leaves out are no matter of a handful of examples.
void update(tasks::Classifier& model, const data::Dataset& lesson, const data::Dataset& replay, double lr,
            const LearnOptions& o, const Rng& stream) {
  const FlushDenormals flush;
  const data::Dataset all = data::joined(lesson, replay);
  optim::Optimizer optimizer({.lr = lr}, nn::trained(model.net));
  for (int64_t step = 0; step < o.steps; ++step) {
    Rng rng = stream.split(static_cast<uint64_t>(step));
    std::vector<int64_t> indices;
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < o.batch; ++i) {
      indices.push_back(i % 4 == 0 ? rng.below(lesson.size()) : lesson.size() + rng.below(replay.size()));
      labels.push_back(all.labels[static_cast<size_t>(indices.back())]);
    }
    nn::Pass pass;
    const tasks::Batch batch = tasks::batch_of(model.input, all, indices, o.augmentation, rng.split("augment"));
    pass.lengths = batch.lengths;
    const Tensor loss = tasks::loss({.type = model.loss}, model.net.forward(batch.x, pass), labels, {});
    if (!std::isfinite(loss.item()))
      fail(ErrorKind::numeric, "learn", "the loss became {} in step {}: lower the rate ({})", loss.item(), step + 1,
           lr);
    optimizer.clear_grads();
    backward(loss);
    optimizer.step(lr * (1 - static_cast<double>(step) / static_cast<double>(o.steps)));
  }
  optimizer.clear_grads();
}

// The label most people gave each example; of equals, the one given first. -1 where nobody said anything.
std::vector<int32_t> most_given(const Lesson& lesson) {
  std::vector<std::map<int32_t, int64_t>> votes(static_cast<size_t>(lesson.examples.size()));
  std::vector<int32_t> out(votes.size(), -1);
  for (const Answer& a : lesson.answers) {
    auto& of = votes.at(static_cast<size_t>(a.item));
    ++of[a.label];
    int32_t& best = out[static_cast<size_t>(a.item)];
    if (best < 0 || of[a.label] > of[best]) best = a.label;
  }
  return out;
}

data::Dataset labelled(const data::Dataset& examples, std::span<const int64_t> items,
                       const std::vector<int32_t>& labels) {
  data::Dataset out = data::subset(examples, items);
  for (size_t i = 0; i < items.size(); ++i) out.labels[i] = labels[static_cast<size_t>(items[i])];
  return out;
}

// What networks think of each example that learned from the others only.
std::vector<float> opinions(const tasks::Classifier& live, const Lesson& lesson, const Memory& memory,
                            const LearnOptions& o) {
  const int64_t n = lesson.examples.size(), folds = std::min(o.folds, n);
  if (folds < 2) return copy_of(live).predict(lesson.examples);
  const std::vector<int32_t> labels = most_given(lesson);
  const std::vector<int64_t> order = Rng(o.seed, "folds").permutation(n);
  const size_t classes = live.classes.size();
  std::vector<float> out(static_cast<size_t>(n) * classes);
  for (int64_t fold = 0; fold < folds; ++fold) {
    std::vector<int64_t> own, rest;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t item = order[static_cast<size_t>(i)];
      if (i % folds == fold)
        own.push_back(item);
      else if (labels[static_cast<size_t>(item)] >= 0)
        rest.push_back(item);
    }
    tasks::Classifier model = copy_of(live);
    if (!rest.empty())
      update(model, labelled(lesson.examples, rest, labels), memory.replay, o.lr, o,
             Rng(o.seed, "opinion").split(static_cast<uint64_t>(fold)));
    const std::vector<float> p = model.predict(data::subset(lesson.examples, own));
    for (size_t i = 0; i < own.size(); ++i)
      std::copy_n(p.begin() + static_cast<int64_t>(i * classes), classes,
                  out.begin() + own[i] * static_cast<int64_t>(classes));
  }
  return out;
}

void check(const tasks::Classifier& live, const Lesson& lesson, const Memory& memory) {
  if (lesson.examples.size() == 0) fail("learn", "no example was given");
  if (memory.replay.size() == 0 || memory.held_back.size() == 0)
    fail("learn", "{} examples to replay and {} held back were given: it takes both", memory.replay.size(),
         memory.held_back.size());
  for (const data::Dataset* set : {&memory.replay, &memory.held_back})
    if (set->classes != live.classes)
      fail(ErrorKind::data, "learn", "the run's memory has classes {}, the network knows {}", join(set->classes),
           join(live.classes));
}

}  // namespace

Learned learn(const tasks::Classifier& live, const Lesson& lesson, const Memory& memory, double best,
              const LearnOptions& o) {
  check(live, lesson, memory);
  const auto classes = static_cast<int64_t>(live.classes.size());
  Learned out;
  out.model = copy_of(live);
  out.trust = weigh(opinions(live, lesson, memory, o), classes, lesson.answers, o.trust);

  std::vector<int32_t> labels(static_cast<size_t>(lesson.examples.size()), -1);
  std::set<int64_t> believed;
  for (size_t j = 0; j < lesson.answers.size(); ++j)
    if (out.trust.answers[j] > 0.5) {
      labels[static_cast<size_t>(lesson.answers[j].item)] = lesson.answers[j].label;
      believed.insert(lesson.answers[j].item);
    }
  out.believed.assign(believed.begin(), believed.end());
  out.accuracy_before = out.accuracy_after = accuracy(out.model, memory.held_back);
  out.asked = std::max(best, out.accuracy_before) - o.allowed;
  if (out.believed.empty()) return out;
  const data::Dataset right = labelled(lesson.examples, out.believed, labels);
  out.known_before = known(out.model, right);
  if (out.known_before == right.size()) {
    out.known_after = out.known_before;
    out.outcome = Outcome::all_known;
    return out;
  }
  double lr = o.lr;
  for (int64_t attempt = 0; attempt < o.attempts && !out.better; ++attempt, lr /= 3) {
    out.model = copy_of(live);
    update(out.model, right, memory.replay, lr, o, Rng(o.seed, "learn"));
    // Another network is sure of other things: it is measured as it would answer.
    if (live.confidence) out.model.learn_confidence(live.confidence->options(), memory.replay, memory.held_back);
    if (live.threshold) out.model.learn_threshold(live.threshold->goal, memory.held_back);
    out.known_after = known(out.model, right);
    out.accuracy_after = accuracy(out.model, memory.held_back);
    out.better = out.known_after > out.known_before && out.accuracy_after >= out.asked;
  }
  out.outcome = out.better                            ? Outcome::learned
                : out.known_after <= out.known_before ? Outcome::not_learned
                                                      : Outcome::forgot;
  return out;
}

fs::path store_path(const train::RunFolder& run) { return run.path / "people.sqlite"; }

namespace {

// By halves, so that an example is not copied once for each other.
data::Dataset joined(std::span<const data::Dataset> sets) {
  if (sets.size() == 1) return sets.front();
  const size_t half = sets.size() / 2;
  return data::joined(joined(sets.first(half)), joined(sets.subspan(half)));
}

// The corrections of a store as a lesson, and which answer each is; -1 for those nothing can be learned from: without
// their input, of another class, or taken back by a later word of the same person.
struct Gathered {
  Lesson lesson;
  std::vector<int64_t> answer;  // by correction
};

Gathered gather(Store& store, const std::vector<Correction>& corrections, const tasks::Classifier& model) {
  std::map<std::pair<int64_t, std::string>, size_t> last;
  for (size_t i = 0; i < corrections.size(); ++i) last[{corrections[i].decision, corrections[i].person}] = i;
  Gathered out{.lesson = {}, .answer = std::vector<int64_t>(corrections.size(), -1)};
  std::map<int64_t, int64_t> items;  // of decisions
  std::map<std::string, int64_t> people;
  std::vector<data::Dataset> examples;
  for (size_t i = 0; i < corrections.size(); ++i) {
    const Correction& c = corrections[i];
    const auto label = std::ranges::find(model.classes, c.label) - model.classes.begin();
    if (last[{c.decision, c.person}] != i || label == std::ssize(model.classes)) continue;
    if (!items.contains(c.decision)) {
      Decision d = store.decision(c.decision);
      if (d.input.empty()) continue;
      auto example = example_of(model, {d.media_type, std::move(d.input)}, fmt::format("decision {}", d.id));
      if (!example) continue;
      items.emplace(c.decision, std::ssize(examples));
      examples.push_back(std::move(*example));
    }
    const int64_t person = people.emplace(c.person, std::ssize(people)).first->second;
    out.answer[i] = std::ssize(out.lesson.answers);
    out.lesson.answers.push_back({items[c.decision], person, static_cast<int32_t>(label)});
  }
  if (!examples.empty()) out.lesson.examples = joined(examples);
  out.lesson.examples.source = "corrections";
  return out;
}

}  // namespace

Update learn(const train::RunFolder& run, const fs::path& data_folder, LearnOptions options) {
  Store store(store_path(run));
  make_folder(run.path / "versions");
  const Lock one_at_a_time(run.path / "versions" / "lock");
  Versions versions(run);
  const tasks::Classifier live = tasks::Classifier::load(run.model());
  std::vector<Correction> corrections = store.corrections();
  const Gathered all = gather(store, corrections, live);
  Update out;
  out.from = versions.live().number;
  bool fresh = false;
  for (size_t i = 0; i < corrections.size(); ++i) fresh = fresh || (all.answer[i] >= 0 && corrections[i].trust < 0);
  if (!fresh) return out;
  const train::Recipe recipe = train::Recipe::read(Config::load(run.recipe()));
  options.augmentation = recipe.data.augment;
  const Memory memory = memory_of(run, data_folder);
  double best = 0;
  for (const Update& u : store.updates()) best = std::max({best, u.accuracy_before, u.to > 0 ? u.accuracy_after : 0.0});
  Learned learned = learn(live, all.lesson, memory, best, options);

  std::vector<Correction> seen;
  for (size_t i = 0; i < corrections.size(); ++i) {
    if (all.answer[i] < 0) continue;
    corrections[i].trust = learned.trust.answers[static_cast<size_t>(all.answer[i])];
    ++(corrections[i].trust > 0.5 ? out.corrections : out.set_aside);
  }
  if (learned.better)
    out.to = versions.add(std::move(learned.model),
                          {.parent = out.from, .corrections = out.corrections, .accuracy = learned.accuracy_after});
  for (size_t i = 0; i < corrections.size(); ++i) {
    if (all.answer[i] < 0) continue;
    corrections[i].version = corrections[i].trust > 0.5 ? out.to : 0;
    seen.push_back(corrections[i]);
  }
  out.accuracy_before = learned.accuracy_before;
  out.accuracy_after = learned.accuracy_after;
  out.asked = learned.asked;
  out.outcome = learned.outcome;
  out.time = utc_now();
  if (out.to > 0) versions.make_live(out.to);
  out.id = store.add(out, seen);
  return out;
}

}  // namespace tandem::people
