#include <tandem/deploy/decisions.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/people/kept.h>
#include <tandem/people/learn.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

std::string text(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

// A version that is no number, as NAME:VERSION=RUN may give, is 0 in the store.
int64_t number_of(const std::string& text) {
  int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() ? out : 0;
}

json summary(const people::Decision& d) {
  return {{"decision", d.id},
          {"time", d.time},
          {"model_version", std::to_string(d.version)},
          {"label", d.label},
          {"probability", d.probability},
          {"probabilities", d.probabilities},
          {"deferred", d.deferred},
          {"reason", d.reason}};
}

// Example `i` of a request and what was answered.
people::Decision decision_of(const ServedModel& model, const InferRequest& request, const Answer& answer, size_t i) {
  const auto classes = static_cast<size_t>(model.classes());
  const auto row = std::span<const float>(answer.probabilities).subspan(i * classes, classes);
  const auto best = static_cast<size_t>(model.model().answer(row));
  people::Decision out;
  out.model = model.name();
  out.version = number_of(model.version());
  out.subject = request.subject;
  people::Kept input = people::kept(model.model().input, set_of(model, request.examples, static_cast<int64_t>(i)), 0);
  out.media_type = std::move(input.media_type);
  out.input = std::move(input.bytes);
  out.label = model.model().classes[best];
  out.probability = static_cast<double>(row[best]);
  out.probabilities.assign(row.begin(), row.end());
  out.deferred = !answer.verdicts.empty() && answer.verdicts[i].deferred();
  out.reason = out.deferred ? evaluate::reason_of(answer.verdicts[i].why) : "";
  return out;
}

people::Decision find(people::Store& store, int64_t id) {
  try {
    return store.decision(id);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(404, fmt::format("there is no decision {}", id));
  }
}

}  // namespace

Decisions::Decisions(Keep keep, const std::vector<ModelSource>& sources) : keep_(keep) {
  if (keep == Keep::none) return;
  for (const ModelSource& source : sources) {
    if (!fs::is_directory(source.run) && keep == Keep::corrected) continue;
    if (!fs::is_directory(source.run))
      fail("serve", "{} is no run folder, so there is no place to keep decisions: serve a run, or keep none",
           source.run.string());
    try {
      stores_.try_emplace(source.name, people::store_path(train::RunFolder::open(source.run)));
    } catch (const Error& e) {  // a folder that cannot be written to: the model answers, and is not corrected
      if (keep != Keep::corrected || e.kind() != ErrorKind::file) throw;
    }
  }
}

people::Store& Decisions::store_of(const ServedModel& model) {
  const auto found = stores_.find(model.name());
  if (found == stores_.end()) throw Refused(404, "nothing is kept of this model's decisions");
  return found->second;
}

std::vector<int64_t> Decisions::keep(const ServedModel& model, const InferRequest& request, const Answer& answer) {
  if (!keeping()) return {};
  std::vector<people::Decision> kept;
  std::vector<size_t> which;
  for (size_t i = 0; i < static_cast<size_t>(request.examples.count); ++i) {
    const bool deferred = !answer.verdicts.empty() && answer.verdicts[i].deferred();
    if (keep_ == Keep::deferred && !deferred) continue;
    kept.push_back(decision_of(model, request, answer, i));
    which.push_back(i);
  }
  std::vector<int64_t> out(static_cast<size_t>(request.examples.count), 0);
  if (kept.empty()) return out;
  const std::vector<int64_t> ids = store_of(model).add(kept);
  for (size_t k = 0; k < ids.size(); ++k) out[which[k]] = ids[k];
  return out;
}

int64_t Decisions::add(const ServedModel& model, const InferRequest& request, const Answer& answer) {
  return store_of(model).add(decision_of(model, request, answer, 0));
}

std::string Decisions::feedback(const ServedModel& model, const std::string& body) {
  people::Store& store = store_of(model);
  people::Correction said;
  try {
    const json j = json::parse(body, [](int depth, json::parse_event_t, json&) {
      if (depth > 4) throw Refused(400, "the JSON is nested deeper than 4 levels");
      return true;
    });
    said.decision = j.at("decision").get<int64_t>();
    said.label = j.at("label").get<std::string>();
    said.person = j.at("person").get<std::string>();
    said.note = j.value("note", "");
  } catch (const json::exception&) {
    throw Refused(400, R"(expected {"decision": 12, "label": "a class", "person": "who says so", "note": "why"})");
  }
  if (said.person.empty() || said.person.size() > 200 || said.note.size() > 10'000)
    throw Refused(400, "person takes 1 to 200 bytes, note up to 10000");
  if (std::ranges::find(model.model().classes, said.label) == model.model().classes.end())
    throw Refused(400, fmt::format("there is no class '{}'", said.label));
  (void)find(store, said.decision);
  return text({{"correction", store.correct(said)}});
}

std::string Decisions::waiting(const ServedModel& model) {
  people::Store& store = store_of(model);
  json out = json::array();
  for (const people::Decision& d : store.waiting()) {
    const people::Decision whole = store.decision(d.id);
    out.push_back(summary(d));
    out.back()["media_type"] = whole.media_type;
    out.back()["input"] = evaluate::base64(whole.input);
  }
  return text(out);
}

std::string Decisions::decision(const ServedModel& model, const std::string& id) {
  const people::Decision d = find(store_of(model), number_of(id));
  json out = summary(d);
  out["media_type"] = d.media_type;
  out["input"] = evaluate::base64(d.input);
  return text(out);
}

}  // namespace tandem::deploy
