#include <sys/wait.h>
#include <tandem/base/database.h>
#include <tandem/people/store.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/testing.h"

namespace tandem::people {
namespace {

using sql::Database;
using tandem::testing::expect_error;
using tandem::testing::Folder;

Decision decision(const std::string& label = "1", const std::string& subject = "ana") {
  return {.model = "digits",
          .version = 3,
          .subject = subject,
          .media_type = "image/png",
          .input = {1, 0, 2, 255},
          .label = label,
          .probability = 0.625,
          .probabilities = {0.375, 0.625},
          .deferred = true,
          .reason = "two classes are as likely",
          .explanation = "the upper stroke"};
}

TEST(Store, KeepsADecisionAsItWas) {
  const Folder folder;
  int64_t id = 0;
  {
    Store store(folder / "people.sqlite");
    id = store.add(decision());
  }
  Store store(folder / "people.sqlite");
  const Decision d = store.decision(id), want = decision();
  EXPECT_EQ(d.id, id);
  EXPECT_EQ(d.time.size(), std::string("2026-11-25T08:15:00.123Z").size());
  EXPECT_EQ(d.model, want.model);
  EXPECT_EQ(d.version, want.version);
  EXPECT_EQ(d.subject, want.subject);
  EXPECT_EQ(d.media_type, want.media_type);
  EXPECT_EQ(d.input, want.input);
  EXPECT_EQ(d.label, want.label);
  EXPECT_EQ(d.probability, want.probability);
  EXPECT_EQ(d.probabilities, want.probabilities);
  EXPECT_EQ(d.deferred, want.deferred);
  EXPECT_EQ(d.reason, want.reason);
  EXPECT_EQ(d.explanation, want.explanation);
  EXPECT_EQ(store.decisions(), 1);
}

TEST(Store, AnInputThatIsNotToBeKeptIsNot) {
  const Folder folder;
  Store store(folder / "people.sqlite");
  Decision d = decision();
  d.input.clear();
  EXPECT_TRUE(store.decision(store.add(d)).input.empty());
  EXPECT_TRUE(nlohmann::json::parse(store.records_of("ana")).at("decisions").at(0).at("input").is_null());
}

TEST(Store, TheQueueIsWhatIsDeferredAndUnanswered) {
  const Folder folder;
  Store store(folder / "people.sqlite");
  Decision sure = decision();
  sure.deferred = false;
  const std::vector<Decision> all{decision("1"), sure, decision("2"), decision("3")};
  const auto ids = store.add(all);
  ASSERT_EQ(ids.size(), 4U);
  store.correct({.decision = ids[2], .person = "bo", .label = "2"});
  const auto waiting = store.waiting();
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(waiting[0].id, ids[0]);
  EXPECT_EQ(waiting[1].id, ids[3]);
  EXPECT_EQ(store.waiting(1).size(), 1U);
}

TEST(Store, ACorrectionSaysWhoAndAboutWhat) {
  const Folder folder;
  Store store(folder / "people.sqlite");
  const int64_t id = store.add(decision());
  expect_error(ErrorKind::usage, {"not who"}, [&] { store.correct({.decision = id, .label = "7"}); });
  expect_error(ErrorKind::usage, {"no label"}, [&] { store.correct({.decision = id, .person = "bo"}); });
  expect_error(ErrorKind::usage, {"decision 99", "not kept here"},
               [&] { store.correct({.decision = 99, .person = "bo", .label = "7"}); });
  expect_error(ErrorKind::usage, {"none with id 99"}, [&] { (void)store.decision(99); });
  EXPECT_TRUE(store.corrections().empty());
  store.correct({.decision = id, .person = "bo", .label = "7", .note = "has a bar"});
  const Correction c = store.corrections().at(0);
  EXPECT_EQ(c.decision, id);
  EXPECT_EQ(c.person, "bo");
  EXPECT_EQ(c.label, "7");
  EXPECT_EQ(c.note, "has a bar");
  EXPECT_EQ(c.trust, -1);
  EXPECT_EQ(c.version, 0);
}

TEST(Store, AnUpdateMarksWhatItSaw) {
  const Folder folder;
  Store store(folder / "people.sqlite");
  const int64_t id = store.add(decision());
  for (const char* label : {"7", "1"}) store.correct({.decision = id, .person = label, .label = label});
  std::vector<Correction> seen = store.corrections(true);
  ASSERT_EQ(seen.size(), 2U);
  seen[0].trust = 0.9, seen[0].version = 2;
  seen[1].trust = 0.1;
  store.add({.from = 1,
             .to = 2,
             .corrections = 1,
             .set_aside = 1,
             .accuracy_before = 0.5,
             .accuracy_after = 0.75,
             .asked = 0.7,
             .outcome = Outcome::learned},
            seen);
  EXPECT_TRUE(store.corrections(true).empty());
  seen = store.corrections();
  EXPECT_EQ(seen[0].trust, 0.9);
  EXPECT_EQ(seen[0].version, 2);
  EXPECT_EQ(seen[1].version, 0);
  seen[0].version = 3;  // a later update that learns it again does not say that it was the first
  store.add({.from = 2, .to = 0, .accuracy_after = 0.72, .asked = 0.745, .outcome = Outcome::forgot}, seen);
  EXPECT_EQ(store.corrections()[0].version, 2);
  const auto updates = store.updates();
  ASSERT_EQ(updates.size(), 2U);
  EXPECT_EQ(updates[0].to, 2);
  EXPECT_EQ(updates[0].set_aside, 1);
  EXPECT_EQ(updates[0].accuracy_after, 0.75);
  EXPECT_EQ(words_of(updates[0]), "learned");
  EXPECT_EQ(updates[1].outcome, Outcome::forgot);
  EXPECT_EQ(words_of(updates[1]),
            "rolled back: 72.00 % right of the examples held back, at least 74.50 % are asked for");
}

TEST(Store, EachOutcomeHasItsNameAndItsWords) {
  const std::vector<std::tuple<Outcome, std::string, std::string>> rows{
      {Outcome::nothing_new, "nothing_new", "no new corrections"},
      {Outcome::none_believed, "none_believed", "more likely right than wrong"},
      {Outcome::all_known, "all_known", "knows all of it"},
      {Outcome::learned, "learned", "learned"},
      {Outcome::not_learned, "not_learned", "rolled back: it did not learn"},
      {Outcome::forgot, "forgot", "rolled back: 90.00 % right of the examples held back, at least 95.50 %"}};
  for (const auto& [outcome, name, words] : rows) {
    Update update;
    update.outcome = outcome, update.accuracy_after = 0.9, update.asked = 0.955;
    EXPECT_EQ(name_of(outcome), name);
    EXPECT_NE(words_of(update).find(words), std::string::npos) << words_of(update);
  }
}

TEST(Store, AnOutcomeThatIsUnknownIsNamed) {
  const Folder folder;
  {
    Store store(folder / "people.sqlite");
    store.add(Update{}, {});
    Database(folder / "people.sqlite").run("UPDATE updates SET outcome = 'dreamt'");
  }
  Store store(folder / "people.sqlite");
  expect_error(ErrorKind::data, {"unknown outcome 'dreamt'"}, [&] { (void)store.updates(); });
}

TEST(Store, RecordsHoldTextsAsTheyAre) {
  const Folder folder;
  Store store(folder / "people.sqlite");
  Decision d = decision();
  d.time = "2026-01-02T03:04:05.678Z";
  d.media_type = "text/plain", d.input = {'g', 'o', 'o', 'd'};
  (void)store.add(d);
  d.media_type = "application/json", d.input = {'{', '}'};
  (void)store.add(d);
  (void)store.add(decision());
  const auto said = nlohmann::json::parse(store.records_of("ana")).at("decisions");
  EXPECT_EQ(said.at(0).at("input"), "good");
  EXPECT_EQ(said.at(0).at("time"), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(said.at(1).at("input"), "{}");
  EXPECT_EQ(said.at(2).at("input"), "AQAC/w==") << "a picture, in base64";
}

// What the second form kept as a sentence is a name in the third.
TEST(Store, OlderOutcomesKeepTheirMeaning) {
  const Folder folder;
  { const Store store(folder / "people.sqlite"); }
  {
    Database old(folder / "people.sqlite");
    old.script(R"(
ALTER TABLE updates DROP COLUMN asked;
ALTER TABLE updates RENAME COLUMN outcome TO verdict;
INSERT INTO updates VALUES (1, 't', 1, 2, 3, 0, 0.9, 0.95, 'learned');
INSERT INTO updates VALUES (2, 't', 2, 0, 0, 3, 0.9, 0.9,
  'no correction is more likely right than wrong: none was learned');
INSERT INTO updates VALUES (3, 't', 2, 0, 3, 0, 0.9, 0.9, 'the network knows all of it already');
INSERT INTO updates VALUES (4, 't', 2, 0, 3, 0, 0.9, 0.9, 'rolled back: it did not learn the corrections');
INSERT INTO updates VALUES (5, 't', 2, 0, 3, 0, 0.9, 0.7,
  'rolled back: 70.00 % right of the examples held back, at least 89.50 % are asked for');
PRAGMA user_version = 2;)");
  }
  Store store(folder / "people.sqlite");
  std::vector<Outcome> got;
  for (const Update& u : store.updates()) got.push_back(u.outcome);
  EXPECT_EQ(got, (std::vector{Outcome::learned, Outcome::none_believed, Outcome::all_known, Outcome::not_learned,
                              Outcome::forgot}));
}

bool holds(const fs::path& folder, const std::string& text) {  // in the bytes of any file
  for (const auto& entry : fs::directory_iterator(folder))
    if (read_text(entry.path()).find(text) != std::string::npos) return true;
  return false;
}

TEST(Store, APersonsRecordsAreExportedAndDeletedToTheLastByte) {
  const Folder folder;
  Store store(folder / "people.sqlite");
  const auto ids = store.add(std::vector{decision("1", "ana"), decision("1", "bo")});
  store.correct({.decision = ids[0], .person = "bo", .label = "7"});
  store.correct({.decision = ids[1], .person = "ana", .label = "9", .note = "mark-of-ana"});
  store.correct({.decision = ids[1], .person = "cy", .label = "8"});

  const auto records = nlohmann::json::parse(store.records_of("ana"));
  EXPECT_EQ(records.at("decisions").size(), 1U);
  EXPECT_EQ(records.at("decisions").at(0).at("input"), "AQAC/w==");  // base64 of the four bytes
  EXPECT_EQ(records.at("decisions").at(0).at("corrections").at(0).at("label"), "7");
  EXPECT_EQ(records.at("corrections").size(), 1U);
  EXPECT_EQ(records.at("corrections").at(0).at("note"), "mark-of-ana");
  EXPECT_TRUE(holds(folder.path(), "mark-of-ana"));

  EXPECT_EQ(store.forget("ana"), 3);  // her decision, what was said to it, what she said
  EXPECT_FALSE(holds(folder.path(), "mark-of-ana"));
  const auto after = nlohmann::json::parse(store.records_of("ana"));
  EXPECT_TRUE(after.at("decisions").empty() && after.at("corrections").empty());
  ASSERT_EQ(store.corrections().size(), 1U);
  EXPECT_EQ(store.corrections()[0].person, "cy");
  expect_error(ErrorKind::usage, {"no name"}, [&] { store.forget(""); });
}

// The form of the first step, as an older program would have left it.
TEST(Store, AnOlderFileIsBroughtUpToDate) {
  const Folder folder;
  {
    Database old(folder / "people.sqlite");
    old.script(R"(
CREATE TABLE decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, model TEXT NOT NULL,
  version INTEGER NOT NULL, subject TEXT NOT NULL, media_type TEXT NOT NULL, input BLOB, label TEXT NOT NULL,
  probability REAL NOT NULL, probabilities TEXT NOT NULL, deferred INTEGER NOT NULL, reason TEXT NOT NULL,
  explanation TEXT NOT NULL);
CREATE TABLE corrections (id INTEGER PRIMARY KEY AUTOINCREMENT, decision INTEGER NOT NULL REFERENCES decisions (id)
  ON DELETE CASCADE, time TEXT NOT NULL, person TEXT NOT NULL, label TEXT NOT NULL, note TEXT NOT NULL);
INSERT INTO decisions VALUES (5, 't', 'm', 1, '', 'text/plain', NULL, 'a', 0.5, '[0.5,0.5]', 1, '', '');
INSERT INTO corrections VALUES (9, 5, 't', 'bo', 'b', '');
PRAGMA user_version = 1;)");
  }
  Store store(folder / "people.sqlite");
  const auto corrections = store.corrections(true);
  ASSERT_EQ(corrections.size(), 1U);
  EXPECT_EQ(corrections[0].id, 9);
  EXPECT_EQ(corrections[0].trust, -1);
  EXPECT_EQ(store.decision(5).label, "a");
  EXPECT_TRUE(store.updates().empty());
}

TEST(Store, RefusesFilesThatAreNotItsOwn) {
  const Folder folder;
  { Database(folder / "new.sqlite").script("PRAGMA user_version = 99"); }
  { Database(folder / "other.sqlite").script("CREATE TABLE notes (id INTEGER)"); }
  folder.write("text.sqlite", std::string(5000, 'x'));
  expect_error(ErrorKind::data, {"new.sqlite", "form 99", "newer tandem"}, [&] { Store store(folder / "new.sqlite"); });
  expect_error(ErrorKind::data, {"other.sqlite", "not one of tandem"}, [&] { Store store(folder / "other.sqlite"); });
  expect_error(ErrorKind::data, {"text.sqlite", "no sound database"}, [&] { Store store(folder / "text.sqlite"); });
  expect_error(ErrorKind::file, {"gone/people.sqlite"}, [&] { Store store(folder / "gone/people.sqlite"); });
}

TEST(Store, ThreadsAndOtherConnectionsWriteAtOnce) {
  const Folder folder;
  Store first(folder / "people.sqlite"), second(folder / "people.sqlite");
  const int64_t id = first.add(decision());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i)
        (t % 2 ? first : second).correct({.decision = id, .person = fmt::format("{}-{}", t, i), .label = "7"});
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(first.corrections().size(), 20U);
}

// A process that is killed while it writes: what it was told is kept is there, whatever it was doing.
TEST(Store, EveryAcknowledgedCorrectionOutlivesTheProcess) {
  for (int round = 0; round < 4; ++round) {
    const Folder folder;
    const fs::path path = folder / "people.sqlite";
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      try {
        Store store(path);
        const int64_t about = store.add(decision());
        for (;;) {
          const int64_t id = store.correct({.decision = about, .person = "bo", .label = "7"});
          if (write(ends[1], &id, sizeof id) != sizeof id) _exit(1);
        }
      } catch (...) {
        _exit(2);
      }
    }
    close(ends[1]);
    std::vector<int64_t> acknowledged;
    int64_t id = 0;
    while (std::ssize(acknowledged) < 5 + 7 * round && read(ends[0], &id, sizeof id) == sizeof id)
      acknowledged.push_back(id);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
    while (read(ends[0], &id, sizeof id) == sizeof id) acknowledged.push_back(id);
    close(ends[0]);
    Store store(path);
    const auto kept = store.corrections();
    ASSERT_GE(kept.size(), acknowledged.size());
    for (size_t i = 0; i < acknowledged.size(); ++i) EXPECT_EQ(kept[i].id, acknowledged[i]);
  }
}

}  // namespace
}  // namespace tandem::people
