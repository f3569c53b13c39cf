#include <tandem/base/database.h>
#include <tandem/base/error.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/people/store.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>

namespace tandem::people {
namespace {

using json = nlohmann::ordered_json;
using sql::Database, sql::Row, sql::Transaction, sql::Value;

// Each step brings a file of the form before it to the next; the file's user_version says how many it has been through.
// A step that was released is never changed: a new one is put behind it.
constexpr std::array<const char*, 3> steps{
    R"sql(
CREATE TABLE decisions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  subject TEXT NOT NULL,
  media_type TEXT NOT NULL,
  input BLOB,
  label TEXT NOT NULL,
  probability REAL NOT NULL,
  probabilities TEXT NOT NULL,
  deferred INTEGER NOT NULL,
  reason TEXT NOT NULL,
  explanation TEXT NOT NULL
);
CREATE INDEX decisions_subject ON decisions (subject);
CREATE INDEX decisions_deferred ON decisions (id) WHERE deferred;
CREATE TABLE corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  decision INTEGER NOT NULL REFERENCES decisions (id) ON DELETE CASCADE,
  time TEXT NOT NULL,
  person TEXT NOT NULL,
  label TEXT NOT NULL,
  note TEXT NOT NULL
);
CREATE INDEX corrections_decision ON corrections (decision);
CREATE INDEX corrections_person ON corrections (person);
)sql",
    R"sql(
ALTER TABLE corrections ADD COLUMN trust REAL NOT NULL DEFAULT -1;
ALTER TABLE corrections ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
CREATE TABLE updates (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  to_version INTEGER NOT NULL,
  corrections INTEGER NOT NULL,
  set_aside INTEGER NOT NULL,
  accuracy_before REAL NOT NULL,
  accuracy_after REAL NOT NULL,
  verdict TEXT NOT NULL
);
)sql",
    R"sql(
ALTER TABLE updates RENAME COLUMN verdict TO outcome;
ALTER TABLE updates ADD COLUMN asked REAL NOT NULL DEFAULT 0;
UPDATE updates SET outcome = CASE
  WHEN outcome LIKE 'no correction is more likely%' THEN 'none_believed'
  WHEN outcome LIKE 'the network knows%' THEN 'all_known'
  WHEN outcome LIKE 'rolled back: it did not%' THEN 'not_learned'
  WHEN outcome LIKE 'rolled back%' THEN 'forgot'
  ELSE 'learned' END;
)sql"};

constexpr std::array outcomes{Outcome::nothing_new, Outcome::none_believed, Outcome::all_known,
                              Outcome::learned,     Outcome::not_learned,   Outcome::forgot};

constexpr const char* decision_columns =
    "id, time, model, version, subject, media_type, label, probability, probabilities, deferred, reason, explanation";
constexpr const char* correction_columns = "id, decision, time, person, label, note, trust, version";

Decision read_decision(const Row& row) {
  Decision d;
  d.id = row.integer(0), d.time = row.text(1), d.model = row.text(2), d.version = row.integer(3);
  d.subject = row.text(4), d.media_type = row.text(5), d.label = row.text(6), d.probability = row.real(7);
  d.probabilities = json::parse(row.text(8)).get<std::vector<double>>();
  d.deferred = row.integer(9) != 0, d.reason = row.text(10), d.explanation = row.text(11);
  return d;
}

Correction read_correction(const Row& row) {
  return {row.integer(0), row.integer(1), row.text(2), row.text(3),
          row.text(4),    row.text(5),    row.real(6), row.integer(7)};
}

Outcome outcome_of(const std::string& name) {
  const auto found = std::ranges::find_if(outcomes, [&](Outcome o) { return name == name_of(o); });
  if (found == outcomes.end()) fail(ErrorKind::data, "updates", "the store holds an unknown outcome '{}'", name);
  return *found;
}

json as_json(const Correction& c) {
  return {{"id", c.id},       {"decision", c.decision}, {"time", c.time},   {"person", c.person},
          {"label", c.label}, {"note", c.note},         {"trust", c.trust}, {"version", c.version}};
}

}  // namespace

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::nothing_new: return "nothing_new";
    case Outcome::none_believed: return "none_believed";
    case Outcome::all_known: return "all_known";
    case Outcome::learned: return "learned";
    case Outcome::not_learned: return "not_learned";
    case Outcome::forgot: return "forgot";
  }
  return "";
}

std::string words_of(const Update& u) {
  switch (u.outcome) {
    case Outcome::nothing_new: return "no new corrections to learn from";
    case Outcome::none_believed: return "no correction is more likely right than wrong: none was learned";
    case Outcome::all_known: return "the network knows all of it already";
    case Outcome::learned: return "learned";
    case Outcome::not_learned: return "rolled back: it did not learn the corrections";
    case Outcome::forgot:
      return fmt::format("rolled back: {:.2f} % right of the examples held back, at least {:.2f} % are asked for",
                         100 * u.accuracy_after, 100 * u.asked);
  }
  return "";
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t t = ms / 1000;
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  return fmt::format("{}.{:03}Z", text, ms % 1000);
}

// One connection and one lock: SQLite lets one writer in at a time anyway.
struct Store::Impl {
  std::mutex mutex;
  Database database;
  explicit Impl(const fs::path& path) : database(path) {}
};

int64_t Store::schema_version() { return steps.size(); }

Store::Store(const fs::path& path) : impl_(std::make_unique<Impl>(path)) {
  Database& db = impl_->database;
  Transaction all(db);  // two programs that open an old file at once: the second finds it done
  const int64_t have = db.number("PRAGMA user_version");
  if (have > schema_version())
    fail(ErrorKind::data, path.string(), "has form {}, this program knows up to {}: use a newer tandem", have,
         schema_version());
  if (have == 0 && db.number("SELECT count(*) FROM sqlite_master") > 0)
    fail(ErrorKind::data, path.string(), "is a database, but not one of tandem: name another file");
  for (auto step = static_cast<size_t>(have); step < steps.size(); ++step) db.script(steps[step]);
  if (have < schema_version()) db.script(fmt::format("PRAGMA user_version = {}", schema_version()));
  all.commit();
}

Store::~Store() = default;

std::vector<int64_t> Store::add(std::span<const Decision> decisions) {
  const std::scoped_lock lock(impl_->mutex);
  Database& db = impl_->database;
  db.sync_commits(false);
  std::vector<int64_t> ids;
  Transaction all(db);
  for (const Decision& d : decisions) {
    db.run(
        "INSERT INTO decisions (time, model, version, subject, media_type, input, label, probability, probabilities, "
        "deferred, reason, explanation) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        {d.time.empty() ? utc_now() : d.time, d.model, d.version, d.subject, d.media_type,
         d.input.empty() ? Value(nullptr) : Value(d.input), d.label, d.probability, json(d.probabilities).dump(),
         int64_t{d.deferred}, d.reason, d.explanation});
    ids.push_back(db.last_id());
  }
  all.commit();
  return ids;
}

Decision Store::decision(int64_t id) {
  const std::scoped_lock lock(impl_->mutex);
  Decision out;
  impl_->database.run(fmt::format("SELECT {}, input FROM decisions WHERE id = ?", decision_columns), {id},
                      [&](const Row& row) { out = read_decision(row), out.input = row.bytes(12); });
  if (out.id == 0) fail("decision", "there is none with id {}: it was never made, or it was deleted", id);
  return out;
}

std::vector<Decision> Store::waiting(int64_t most) {
  const std::scoped_lock lock(impl_->mutex);
  std::vector<Decision> out;
  impl_->database.run(
      fmt::format("SELECT {} FROM decisions d WHERE deferred AND NOT EXISTS (SELECT 1 FROM corrections c WHERE "
                  "c.decision = d.id) ORDER BY id LIMIT ?",
                  decision_columns),
      {most}, [&](const Row& row) { out.push_back(read_decision(row)); });
  return out;
}

int64_t Store::decisions() {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->database.number("SELECT count(*) FROM decisions");
}

int64_t Store::correct(const Correction& c) {
  if (c.person.empty()) fail("correction", "says not who made it: give a person's name or pseudonym");
  if (c.label.empty()) fail("correction", "has no label: give the right answer");
  const std::scoped_lock lock(impl_->mutex);
  Database& db = impl_->database;
  db.sync_commits(true);
  Transaction all(db);
  if (db.number("SELECT count(*) FROM decisions WHERE id = ?", {c.decision}) == 0)
    fail("correction", "is about decision {}, which is not kept here: it was never made, or it was deleted",
         c.decision);
  db.run("INSERT INTO corrections (decision, time, person, label, note) VALUES (?,?,?,?,?)",
         {c.decision, c.time.empty() ? utc_now() : c.time, c.person, c.label, c.note});
  const int64_t id = db.last_id();
  all.commit();
  return id;
}

std::vector<Correction> Store::corrections(bool unlearned) {
  const std::scoped_lock lock(impl_->mutex);
  std::vector<Correction> out;
  impl_->database.run(
      fmt::format("SELECT {} FROM corrections {} ORDER BY id", correction_columns, unlearned ? "WHERE trust < 0" : ""),
      {}, [&](const Row& row) { out.push_back(read_correction(row)); });
  return out;
}

int64_t Store::add(const Update& u, std::span<const Correction> seen) {
  const std::scoped_lock lock(impl_->mutex);
  Database& db = impl_->database;
  db.sync_commits(true);
  Transaction all(db);
  db.run(
      "INSERT INTO updates (time, from_version, to_version, corrections, set_aside, accuracy_before, accuracy_after, "
      "asked, outcome) VALUES (?,?,?,?,?,?,?,?,?)",
      {u.time.empty() ? utc_now() : u.time, u.from, u.to, u.corrections, u.set_aside, u.accuracy_before,
       u.accuracy_after, u.asked, name_of(u.outcome)});
  const int64_t id = db.last_id();
  for (const Correction& c : seen)
    db.run("UPDATE corrections SET trust = ?, version = CASE WHEN version = 0 THEN ? ELSE version END WHERE id = ?",
           {c.trust, c.version, c.id});
  all.commit();
  return id;
}

std::vector<Update> Store::updates() {
  const std::scoped_lock lock(impl_->mutex);
  std::vector<Update> out;
  impl_->database.run(
      "SELECT id, time, from_version, to_version, corrections, set_aside, accuracy_before, accuracy_after, asked, "
      "outcome FROM updates ORDER BY id",
      {}, [&](const Row& row) {
        out.push_back({row.integer(0), row.text(1), row.integer(2), row.integer(3), row.integer(4), row.integer(5),
                       row.real(6), row.real(7), row.real(8), outcome_of(row.text(9))});
      });
  return out;
}

std::string Store::records_of(const std::string& person) {
  const std::scoped_lock lock(impl_->mutex);
  Database& db = impl_->database;
  const Transaction one_moment(db);  // reads only: taken back at its end
  json decisions = json::array(), said = json::array();
  db.run(fmt::format("SELECT {}, input FROM decisions WHERE subject = ? ORDER BY id", decision_columns), {person},
         [&](const Row& row) {
           const Decision d = read_decision(row);
           const std::vector<uint8_t> input = row.bytes(12);
           const bool text = d.media_type.starts_with("text/") || d.media_type == "application/json";
           decisions.push_back({{"id", d.id},
                                {"time", d.time},
                                {"model", d.model},
                                {"version", d.version},
                                {"media_type", d.media_type},
                                {"input", input.empty() ? json(nullptr)
                                          : text        ? json(std::string(input.begin(), input.end()))
                                                        : json(evaluate::base64(input))},
                                {"label", d.label},
                                {"probability", d.probability},
                                {"probabilities", d.probabilities},
                                {"deferred", d.deferred},
                                {"reason", d.reason},
                                {"explanation", d.explanation}});
         });
  for (json& decision : decisions) {
    decision["corrections"] = json::array();
    db.run(fmt::format("SELECT {} FROM corrections WHERE decision = ? ORDER BY id", correction_columns),
           {decision.at("id").get<int64_t>()},
           [&](const Row& row) { decision["corrections"].push_back(as_json(read_correction(row))); });
  }
  db.run(fmt::format("SELECT {} FROM corrections WHERE person = ? ORDER BY id", correction_columns), {person},
         [&](const Row& row) { said.push_back(as_json(read_correction(row))); });
  const json all{{"person", person}, {"decisions", decisions}, {"corrections", said}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

int64_t Store::forget(const std::string& person) {
  if (person.empty()) fail("forget", "the person has no name: nobody's records are not one person's");
  const std::scoped_lock lock(impl_->mutex);
  Database& db = impl_->database;
  db.sync_commits(true);
  Transaction all(db);
  db.run("DELETE FROM corrections WHERE person = ?1 OR decision IN (SELECT id FROM decisions WHERE subject = ?1)",
         {person});
  int64_t rows = db.changed();
  db.run("DELETE FROM decisions WHERE subject = ?", {person});
  rows += db.changed();
  all.commit();
  db.script("PRAGMA wal_checkpoint(TRUNCATE)");  // the log still held what was deleted
  return rows;
}

}  // namespace tandem::people
