#include <tandem/base/text.h>
#include <tandem/base/threads.h>
#include <tandem/base/version.h>
#include <tandem/evaluate/page_charts.h>
#include <tandem/evaluate/page_document.h>
#include <tandem/evaluate/page_script.h>
#include <tandem/improve/importance.h>
#include <tandem/improve/page.h>
#include <tandem/improve/page_script.h>
#include <tandem/improve/page_words.h>

#include <array>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

namespace tandem::improve {
namespace {

using json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> script{
    page_words,    evaluate::page_tools, evaluate::page_charts, evaluate::page_common,
    page_sections, evaluate::page_frame};

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

// By the first objective after the first rung, which every trial reached: later only the good ones are left.
json importance_of(const Search& search, const std::vector<Trial>& trials) {
  std::vector<Point> points;
  std::vector<double> values;
  int64_t epochs = 0;
  for (const Trial& t : trials) {
    const int64_t rung = search.options().halving.rungs(t.limit).front();
    const Result* r = t.at(rung);
    if (!r && t.state == State::finished) r = t.last();  // it stopped early
    if (t.state == State::failed || !r) continue;
    points.push_back(t.point);
    values.push_back(r->values.front());
    epochs = std::max(epochs, r->epochs);
  }
  if (points.size() < 8) return {{"trials", points.size()}, {"epochs", epochs}, {"shares", json::array()}};
  return {{"trials", points.size()},
          {"epochs", epochs},
          {"shares", Forest(search.options().space, points, values).importance()}};
}

}  // namespace

std::string search_page(const Search& search, const std::vector<Trial>& trials, const std::string& command) {
  const SearchOptions& o = search.options();
  json objectives = json::array(), parameters = json::array(), rows = json::array(), front = json::array();
  for (const Objective& objective : search.objectives())
    objectives.push_back({{"name", objective.name}, {"larger", objective.larger_is_better}});
  for (const Parameter& p : o.space.parameters())
    parameters.push_back(
        {{"name", p.name}, {"low", p.low}, {"high", p.high}, {"step", p.step}, {"log", p.log}, {"choices", p.choices}});
  double seconds = 0;
  for (const Trial& t : trials) {
    json point = json::array(), values = json::array();
    for (const double v : t.point) point.push_back(number(v));
    if (t.last())
      for (const double v : t.last()->values) values.push_back(number(v));
    seconds += t.seconds;
    rows.push_back({{"id", t.id},
                    {"state", name_of(t.state)},
                    {"epochs", t.last() ? t.last()->epochs : 0},
                    {"limit", t.limit},
                    {"values", values},
                    {"point", point},
                    {"message", t.message}});
  }
  const auto order = leaders(trials, search.objectives());
  const bool any = !order.empty() && trials[order.front()].last() && trials[order.front()].state != State::failed;
  for (const size_t i : pareto_front(trials, search.objectives())) front.push_back(trials[i].id);
  json leading = json::array();
  for (const size_t i : order) leading.push_back(trials[i].id);
  const std::string folder = search.folder().path.string();
  const json data = {{"facts",
                      {{"name", search.folder().path.filename().string()},
                       {"sampler", o.sampler},
                       {"seed", o.seed},
                       {"planned", o.trials},
                       {"halving", o.halving.factor > 1},
                       {"date", today()},
                       {"version", version()},
                       {"machine", fmt::format("{} threads", threads())},
                       {"command", command},
                       {"folder", folder},
                       {"seconds", seconds}}},
                     {"objectives", objectives},
                     {"parameters", parameters},
                     {"trials", rows},
                     {"order", leading},
                     {"front", front},
                     {"importance", importance_of(search, trials)},
                     {"recipe", any ? search.recipe_of(trials[order.front()]) : ""},
                     {"next", {"tandem train " + search.folder().best().string(), "tandem tune --resume " + folder}}};
  return evaluate::page_document(
      {.title = search.folder().path.filename().string(),
       .style = page_style,
       .plain =
           fmt::format("<h1>{}</h1><pre>{}</pre>", evaluate::escaped_html(search.folder().path.filename().string()),
                       evaluate::escaped_html(any ? search.recipe_of(trials[order.front()]) : "no result yet")),
       .data = data.dump(-1, ' ', false, json::error_handler_t::replace),
       .script = script});
}

}  // namespace tandem::improve
