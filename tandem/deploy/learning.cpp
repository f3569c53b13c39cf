#include <tandem/deploy/http.h>
#include <tandem/deploy/learning.h>
#include <tandem/people/learn.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

constexpr size_t most_corrections = 200;  // shown, the latest

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

int64_t number_of(std::string_view body, const char* key) {
  const json object = json::parse(body, nullptr, false);
  if (!object.is_object() || !object.contains(key) || !object[key].is_number_integer())
    throw Refused(400, fmt::format("the body must be a JSON object with a whole number '{}'", key));
  return object[key].get<int64_t>();
}

json of(const people::Update& u) {
  return {{"id", u.id},
          {"time", u.time},
          {"from", u.from},
          {"to", u.to},
          {"corrections", u.corrections},
          {"set_aside", u.set_aside},
          {"accuracy_before", u.accuracy_before},
          {"accuracy_after", u.accuracy_after},
          {"asked", u.asked},
          {"outcome", people::name_of(u.outcome)},
          {"verdict", people::words_of(u)}};
}

}  // namespace

Learning::Learning(train::RunFolder run, people::Store& store, fs::path data_folder)
    : run_(std::move(run)), store_(store), data_folder_(std::move(data_folder)) {}

std::string Learning::state() {
  json versions = json::array(), updates = json::array(), said = json::array();
  for (const people::Version& v : people::Versions(run_).list())
    versions.push_back({{"number", v.number},
                        {"parent", v.parent},
                        {"time", v.time},
                        {"corrections", v.corrections},
                        {"accuracy", v.accuracy < 0 ? json(nullptr) : json(v.accuracy)},
                        {"live", v.live}});
  for (const people::Update& u : store_.updates()) updates.push_back(of(u));
  const std::vector<people::Correction> all = store_.corrections();
  for (size_t i = all.size() - std::min(all.size(), most_corrections); i < all.size(); ++i) {
    const people::Correction& c = all[i];
    said.push_back({{"id", c.id},
                    {"decision", c.decision},
                    {"time", c.time},
                    {"person", c.person},
                    {"said", store_.decision(c.decision).label},
                    {"label", c.label},
                    {"trust", c.trust < 0 ? json(nullptr) : json(c.trust)},
                    {"version", c.version}});
  }
  return text_of({{"versions", versions},
                  {"updates", updates},
                  {"corrections", said},
                  {"waiting", store_.corrections(true).size()}});
}

std::string Learning::learn() { return text_of(of(people::learn(run_, data_folder_))); }

std::string Learning::restore(std::string_view body) {
  const int64_t number = number_of(body, "version");
  try {
    people::Versions(run_).make_live(number);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(400, e.what());
  }
  return text_of({{"version", number}});
}

std::string Learning::compare(std::string_view body, const data::Dataset& set) const {
  const people::Versions versions(run_);
  people::Comparison c;
  try {
    tasks::Classifier first = versions.load(number_of(body, "first")),
                      second = versions.load(number_of(body, "second"));
    c = people::compare(first, second, set);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(400, e.what());
  }
  return text_of(
      {{"both", c.both}, {"only_first", c.only_first}, {"only_second", c.only_second}, {"neither", c.neither}});
}

}  // namespace tandem::deploy
