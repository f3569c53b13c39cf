#include <tandem/base/text.h>
#include <tandem/improve/study.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

namespace tandem::improve {
namespace {

using json = nlohmann::ordered_json;
using sql::Row;

constexpr std::array state_names{"running", "waiting", "paused", "finished", "failed"};
constexpr int format = 1;  // of the file: user_version

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

State state_of(const std::string& name) {
  return static_cast<State>(std::ranges::find(state_names, name) - state_names.begin());
}

// "host 1234 567890": a process number is given again, so its start counts too.
std::string process_name(pid_t pid) {
  std::string start = "gone";
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));  // "pid (name) state …": the 22nd field is when it began
  if (std::string line; std::getline(stat, line)) {
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    for (int field = 3; field <= 22; ++field) fields >> start;
  }
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  return fmt::format("{} {} {}", host, pid, start);
}

bool is_dead(const std::string& worker) {
  const size_t host = worker.find(' '), end = worker.find(' ', host + 1);
  if (host == std::string::npos || end == std::string::npos) return true;
  const auto pid = static_cast<pid_t>(std::atoll(worker.c_str() + host + 1));
  const std::string now_there = process_name(pid);
  if (now_there.substr(0, now_there.find(' ')) != worker.substr(0, host)) return false;  // another machine: its beat tells
  return now_there != worker;
}

std::vector<std::vector<double>> costs_at(const std::vector<const Result*>& results,
                                          std::span<const Objective> objectives) {
  std::vector<std::vector<double>> out;
  for (const Result* r : results) out.push_back(costs(objectives, r->values));
  return out;
}

// The best of those that stand at a rung and may go on; the rungs of one with `limit` epochs.
struct Step {
  size_t trial;
  int64_t target;
};
std::optional<Step> promotable(const std::vector<Trial>& trials, const Halving& halving,
                               std::span<const Objective> objectives, bool any) {
  std::map<int64_t, std::vector<size_t>, std::greater<>> stand;  // rung -> trials that were measured there
  for (size_t i = 0; i < trials.size(); ++i)
    for (const int64_t rung : halving.rungs(trials[i].limit))
      if (rung < trials[i].limit &&
          (trials[i].at(rung) || (trials[i].state == State::failed && trials[i].target == rung)))
        stand[rung].push_back(i);
  for (const auto& [rung, members] : stand) {
    std::vector<size_t> measured;
    std::vector<const Result*> results;
    for (const size_t i : members)
      if (const Result* r = trials[i].at(rung)) measured.push_back(i), results.push_back(r);
    const std::vector<size_t> order = ranking(costs_at(results, objectives));
    const size_t top = any ? std::min<size_t>(1, order.size()) : members.size() / static_cast<size_t>(halving.factor);
    for (size_t k = 0; k < std::min(top, order.size()); ++k) {
      const Trial& t = trials[measured[order[k]]];
      if (t.state != State::paused || t.target != rung) continue;
      const auto rungs = halving.rungs(t.limit);
      return Step{measured[order[k]], *std::ranges::upper_bound(rungs, rung)};
    }
  }
  return std::nullopt;
}

}  // namespace

const char* name_of(State state) { return state_names.at(static_cast<size_t>(state)); }

const Result* Trial::at(int64_t epochs) const {
  const auto found = std::ranges::find(results, epochs, &Result::epochs);
  return found == results.end() ? nullptr : &*found;
}

Decision decide(const std::vector<Trial>& trials, const Halving& halving, std::span<const Objective> objectives,
                int64_t limit, const std::function<Trial(const std::vector<Trial>&)>& fresh) {
  for (const Trial& t : trials)
    if (t.state == State::waiting) return {Decision::Kind::train, t};
  const auto go_on = [&](const Step& step) {
    Trial t = trials[step.trial];
    t.target = step.target;
    return Decision{Decision::Kind::train, t};
  };
  if (const auto step = promotable(trials, halving, objectives, false)) return go_on(*step);
  if (std::ssize(trials) < limit) return {Decision::Kind::train, fresh(trials)};
  const auto in = [&](State state) { return std::ranges::count(trials, state, &Trial::state) > 0; };
  if (in(State::running)) return {Decision::Kind::wait, {}};
  if (!in(State::finished))
    if (const auto step = promotable(trials, halving, objectives, true)) return go_on(*step);
  return {Decision::Kind::done, {}};
}

std::vector<double> scores(const std::vector<Trial>& trials, const Halving& halving,
                           std::span<const Objective> objectives) {
  std::vector<double> out(trials.size(), std::numeric_limits<double>::infinity());
  // Rungs count by their number, so that trials of different lengths can be compared.
  std::map<size_t, std::vector<size_t>, std::greater<>> by_rung;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].state == State::failed) continue;
    const auto rungs = halving.rungs(trials[i].limit);
    for (size_t r = rungs.size(); r-- > 0;)
      if (trials[i].at(rungs[r]) || (r + 1 == rungs.size() && trials[i].state == State::finished)) {
        by_rung[r].push_back(i);
        break;
      }
  }
  double place = 0;
  for (const auto& [rung, members] : by_rung) {
    std::vector<const Result*> results;
    for (const size_t i : members) {
      const auto rungs = halving.rungs(trials[i].limit);
      const Result* r = trials[i].at(rungs[rung]);
      results.push_back(r ? r : trials[i].last());
    }
    for (const size_t k : ranking(costs_at(results, objectives))) out[members[k]] = place++;
  }
  return out;
}

std::vector<size_t> leaders(const std::vector<Trial>& trials, std::span<const Objective> objectives) {
  std::vector<size_t> order(trials.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto share = [&](size_t i) {  // of its training done; early stopping is an end too
    const Trial& t = trials[i];
    if (t.state == State::failed || t.results.empty()) return -1.0;
    return t.state == State::finished ? 1.0 : static_cast<double>(t.last()->epochs) / static_cast<double>(t.limit);
  };
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    if (share(a) != share(b)) return share(a) > share(b);
    if (trials[a].results.empty() || trials[b].results.empty()) return false;
    return costs(objectives, trials[a].last()->values) < costs(objectives, trials[b].last()->values);
  });
  return order;
}

std::vector<size_t> pareto_front(const std::vector<Trial>& trials, std::span<const Objective> objectives) {
  std::vector<size_t> members;
  std::vector<const Result*> results;
  const bool any = std::ranges::count(trials, State::finished, &Trial::state) > 0;
  for (size_t i = 0; i < trials.size(); ++i)
    if (trials[i].last() && trials[i].state != State::failed && (!any || trials[i].state == State::finished))
      members.push_back(i), results.push_back(trials[i].last());
  const auto front = fronts(costs_at(results, objectives));
  std::vector<size_t> out;
  for (size_t k = 0; k < members.size(); ++k)
    if (front[k] == 0) out.push_back(members[k]);
  std::ranges::sort(out, {}, [&](size_t i) { return costs(objectives, trials[i].last()->values); });
  return out;
}

// ---- The file

Study::Study(const fs::path& path, const Space& space)
    : database_(path), path_(path), space_(space), me_(process_name(getpid())) {
  sql::Transaction all(database_);
  const int64_t version = database_.number("PRAGMA user_version");
  if (version > format)
    fail(ErrorKind::data, path.string(), "was written by a later version of this program: use that one");
  if (version == 0) {
    if (database_.number("SELECT count(*) FROM sqlite_master") > 0)
      fail(ErrorKind::data, path.string(), "is a database of another program");
    database_.script(R"sql(
CREATE TABLE trials (
  id INTEGER PRIMARY KEY,
  state TEXT NOT NULL,
  point TEXT NOT NULL,
  target INTEGER NOT NULL,
  epoch_limit INTEGER NOT NULL,
  seconds REAL NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT '',
  worker TEXT NOT NULL DEFAULT '',
  beat REAL NOT NULL DEFAULT 0,
  deaths INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE results (
  trial INTEGER NOT NULL REFERENCES trials(id),
  epochs INTEGER NOT NULL,
  "values" TEXT NOT NULL,
  PRIMARY KEY (trial, epochs)
) WITHOUT ROWID;
PRAGMA user_version = 1;
)sql");
  }
  all.commit();
}

std::vector<Trial> Study::trials() {
  std::vector<Trial> out;
  std::map<int64_t, size_t> index;
  try {
    database_.run("SELECT id, state, point, target, epoch_limit, seconds, message FROM trials ORDER BY id", {},
                  [&](const Row& row) {
                    Trial t;
                    t.id = row.integer(0), t.state = state_of(row.text(1));
                    const auto texts = json::parse(row.text(2)).get<std::map<std::string, std::string>>();
                    t.point = space_.point(texts, fmt::format("{}, trial {}", path_.string(), t.id));
                    t.target = row.integer(3), t.limit = row.integer(4);
                    t.seconds = row.real(5), t.message = row.text(6);
                    index[t.id] = out.size();
                    out.push_back(std::move(t));
                  });
    database_.run("SELECT trial, epochs, \"values\" FROM results ORDER BY trial, epochs", {}, [&](const Row& row) {
      Result r{row.integer(1), json::parse(row.text(2)).get<std::vector<double>>()};
      if (const auto at = index.find(row.integer(0)); at != index.end())
        out[at->second].results.push_back(std::move(r));
    });
  } catch (const json::exception& e) {
    fail(ErrorKind::data, path_.string(), "holds a damaged trial: {}", e.what());
  }
  return out;
}

void Study::free_the_dead() {
  std::vector<int64_t> dead, hopeless;
  database_.run("SELECT id, worker, beat, deaths FROM trials WHERE state = 'running'", {}, [&](const Row& row) {
    if (row.text(1) == me_ || (!is_dead(row.text(1)) && now() - row.real(2) < patience)) return;
    (row.integer(3) > 0 ? hopeless : dead).push_back(row.integer(0));
  });
  for (const int64_t id : dead)
    database_.run("UPDATE trials SET state = 'waiting', deaths = deaths + 1 WHERE id = ?", {id});
  for (const int64_t id : hopeless)
    database_.run(
        "UPDATE trials SET state = 'failed', message = 'the process that trained it died twice, in the same epoch' "
        "WHERE id = ?",
        {id});
}

Decision Study::next(const Halving& halving, std::span<const Objective> objectives, int64_t limit,
                     const std::function<Trial(const std::vector<Trial>&)>& fresh) {
  sql::Transaction all(database_);
  free_the_dead();
  Decision out = decide(trials(), halving, objectives, limit, fresh);
  if (out.kind == Decision::Kind::train) {
    Trial& t = out.trial;
    t.state = State::running;
    if (t.id == 0) {
      json point = json::object();
      for (const auto& [name, text] : space_.texts(t.point)) point[name] = text;
      database_.run("INSERT INTO trials (state, point, target, epoch_limit, worker, beat) VALUES ('running', ?, ?, ?, ?, ?)",
                    {point.dump(), t.target, t.limit, me_, now()});
      t.id = database_.last_id();
    } else {
      database_.run("UPDATE trials SET state = 'running', target = ?, worker = ?, beat = ? WHERE id = ?",
                    {t.target, me_, now(), t.id});
    }
  }
  all.commit();
  return out;
}

void Study::beat(int64_t trial) {
  database_.run("UPDATE trials SET beat = ? WHERE id = ? AND worker = ?", {now(), trial, me_});
}

void Study::add(int64_t trial, const Result& result) {
  sql::Transaction all(database_);
  database_.run("INSERT OR REPLACE INTO results (trial, epochs, \"values\") VALUES (?, ?, ?)",
                {trial, result.epochs, json(result.values).dump()});
  database_.run("UPDATE trials SET beat = ?, deaths = 0 WHERE id = ?", {now(), trial});
  all.commit();
}

void Study::end(int64_t trial, State state, double seconds, const std::string& message) {
  database_.run("UPDATE trials SET state = ?, seconds = ?, message = ?, worker = '' WHERE id = ?",
                {std::string(name_of(state)), seconds, message, trial});
}

}  // namespace tandem::improve
