// Learning from people on the command line: label, correct, learn, versions, records, data check.
#include <tandem/base/text.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/labels.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cli/program.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' not in:\n" << text;
}

std::string png(uint8_t step) {
  Tensor image = Tensor::empty({14, 14, 1}, DType::u8);
  uint8_t next = 0;
  for (uint8_t& value : image.data<uint8_t>()) value = static_cast<uint8_t>(next += step);
  const auto bytes = data::encode_png(image);
  return {bytes.begin(), bytes.end()};
}

const char* const tiny = R"(name: tiny
data: {train: 400, test: 60, validation: 0.2, size: [14, 14]}
network: [conv: {filters: 4, kernel: 5, stride: 2}, batch_norm, relu, flatten, linear: classes]
optimizer: {lr: 0.01}
train: {epochs: 3, batch: 32}
)";

TEST(PeopleCommands, GoFromACorrectionToANewVersionAndBack) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  home.write("digit.png", png(7));
  ASSERT_EQ(tandem(home, {"train", "tiny.yaml"}).code, 0);

  Said said = tandem(home, {"correct", "runs/tiny", "digit.png", "7", "--person", "bo", "--subject", "ana"});
  EXPECT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"decision 1: read as", "bo says 7"});
  said = tandem(home, {"correct", "runs/tiny", "--rehearse", "builtin", "--count", "20"});
  EXPECT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"20 right corrections and 0 wrong ones"});

  said = tandem(home, {"learn", "runs/tiny", "--json", "--allowed", "0.2", "--rate", "0.003"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json update = json::parse(said.out);
  EXPECT_EQ(update.at("verdict"), "learned");
  EXPECT_EQ(update.at("outcome"), "learned");
  EXPECT_EQ(update.at("to"), 2);
  EXPECT_EQ(update.at("corrections").get<int>() + update.at("set_aside").get<int>(), 21);
  expect_has(tandem(home, {"learn", "runs/tiny"}).out, {"no new corrections to learn from"});

  const json versions = json::parse(tandem(home, {"versions", "runs/tiny", "--json"}).out);
  ASSERT_EQ(versions.size(), 2U);
  EXPECT_TRUE(versions[1].at("live"));
  const json both = json::parse(tandem(home, {"versions", "runs/tiny", "--compare", "1", "2", "--json"}).out);
  EXPECT_EQ(both.at("examples"), 80);
  EXPECT_EQ(both.at("accuracy").at(1), update.at("accuracy_after"));
  said = tandem(home, {"versions", "runs/tiny", "--restore", "1"});
  expect_has(said.out, {"version 1 is live again; it was 2"});
  EXPECT_TRUE(json::parse(tandem(home, {"versions", "runs/tiny", "--json"}).out)[0].at("live"));

  said = tandem(home, {"records", "runs/tiny"});
  expect_has(said.out, {"21 decisions kept", "person-1", "bo"});
  const json records = json::parse(tandem(home, {"records", "runs/tiny", "--person", "ana"}).out);
  EXPECT_EQ(records.at("decisions").at(0).at("corrections").at(0).at("person"), "bo");
  expect_has(tandem(home, {"records", "runs/tiny", "--forget", "ana"}).out, {"2 records of ana are deleted"});
  EXPECT_TRUE(json::parse(tandem(home, {"records", "runs/tiny", "--person", "ana"}).out).at("decisions").empty());
}

// Killed at any moment of an update: no correction is lost, the run can be used, and the next update goes through.
TEST(PeopleCommands, LearningThatIsKilledLosesNothing) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  ASSERT_EQ(tandem(home, {"train", "tiny.yaml"}).code, 0);
  ASSERT_EQ(tandem(home, {"correct", "runs/tiny", "--rehearse", "builtin", "--count", "10"}).code, 0);
  for (const int ms : {5, 20, 40, 80, 160}) {
    Program learning(home.path(), {"learn", "runs/tiny", "--allowed", "0.2", "--rate", "0.003"}, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    learning.signal(SIGKILL);
    learning.wait();
    const Said records = tandem(home, {"records", "runs/tiny"});
    expect_has(records.out, {"10 decisions kept"});
    EXPECT_EQ(std::ranges::count(records.out, '\n'), 12) << "ten corrections\n" << records.out;
    EXPECT_EQ(tandem(home, {"inspect", "runs/tiny"}).code, 0);
  }
  EXPECT_EQ(tandem(home, {"learn", "runs/tiny", "--allowed", "0.2", "--rate", "0.003"}).code, 0);
  EXPECT_EQ(tandem(home, {"versions", "runs/tiny", "--json"}).code, 0);
}

TEST(PeopleCommands, LabelTakesAnswersFromLines) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  for (int i = 0; i < 5; ++i) home.write(fmt::format("new/{}.png", i), png(static_cast<uint8_t>(3 + 2 * i)));
  const fs::path answers = home.write("answers", "cat\ncatt\n2\n<\ncat\n\n");
  const Said said = tandem(home, {"label", "tiny.yaml", "new", "--classes", "cat,dog", "--person", "bo"}, {}, answers);
  EXPECT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"3 answers now, 3 pictures done, 2 left"});
  expect_has(said.err, {"1 cat  2 dog", "'catt' is no class (did you mean 'cat'?)", "tandem train tiny.yaml data=new"});
  const auto kept = data::read_labels(home / "new");
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].label, "cat");
  EXPECT_EQ(kept[1].label, "cat") << "what was taken back was asked again";
  EXPECT_EQ(kept[2].label, "");
}

TEST(PeopleCommands, DataCheckFindsChangedLabels) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  const std::vector<std::string> check{"data", "check", "builtin", "--recipe", "tiny.yaml", "--flip", "0.05"};
  std::vector<std::string> as_json = check;
  as_json.emplace_back("--json");
  const Said said = tandem(home, as_json);
  ASSERT_EQ(said.code, 0) << said.err;
  const json report = json::parse(said.out);
  EXPECT_EQ(report.at("examples"), 400);
  EXPECT_EQ(report.at("flipped").at("labels"), 20);
  EXPECT_GE(report.at("flipped").at("recall"), 0.5) << "400 examples are few";
  EXPECT_EQ(report.at("labels").size(), report.at("suspects"));
  EXPECT_EQ(data::image_info(read_file(home / "builtin-suspects.png"), "sheet").channels, 1);
  expect_has(tandem(home, check).out, {"labels are probably wrong", "of 20 labels that were changed"});
}

const char* const wishes = R"(name: wishes
task: text_classification
data: {source: wishes.csv, validation: 0.2, test_share: 0.2}
network: [embedding: {width: 16, deviation: 0.3}, pool_sequence: mean, linear: classes]
optimizer: {lr: 0.02}
train: {epochs: 6, batch: 16}
)";

std::string wishes_csv() {
  std::string out = "text,label\n";
  const std::vector<std::string> things{"parcel", "package", "order"}, money{"bill", "invoice", "fee"};
  for (int i = 0; i < 150; ++i)
    out +=
        i % 2 ? fmt::format("where is my {} number {},delivery\n", things[static_cast<size_t>(i / 2 % 3)], i)
              : fmt::format("there is an error in my {} number {},billing\n", money[static_cast<size_t>(i / 2 % 3)], i);
  return out;
}

TEST(PeopleCommands, TextsAreCorrectedAndLearned) {
  const Folder home;
  home.write("wishes.csv", wishes_csv());
  home.write("wishes.yaml", wishes);
  Said said = tandem(home, {"train", "wishes.yaml"});
  ASSERT_EQ(said.code, 0) << said.err;
  for (const char* text : {"where can I pay", "where do I pay", "where to pay this"}) {
    said = tandem(home, {"correct", "runs/wishes", text, "billing", "--person", "ana", "--subject", "kim"});
    EXPECT_EQ(said.code, 0) << said.err;
    expect_has(said.out, {"ana says billing"});
  }
  said = tandem(home, {"learn", "runs/wishes", "--json", "--rate", "0.01", "--allowed", "0.05"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json update = json::parse(said.out);
  EXPECT_EQ(update.at("corrections"), 3) << said.out;
  EXPECT_EQ(update.at("to"), 2) << said.out;
  const json answers = json::parse(tandem(home, {"predict", "runs/wishes", "where may I pay", "--json"}).out);
  EXPECT_EQ(answers.at(0).at("label"), "billing");
  const json records = json::parse(tandem(home, {"records", "runs/wishes", "--person", "kim"}).out);
  EXPECT_EQ(records.at("decisions").at(0).at("input"), "where can I pay");
  EXPECT_EQ(records.at("decisions").at(0).at("media_type"), "text/plain; charset=utf-8");
  EXPECT_EQ(tandem(home, {"versions", "runs/wishes", "--restore", "1"}).code, 0);
  said = tandem(home, {"correct", "runs/wishes", "wishes.csv", "billing"});
  EXPECT_EQ(said.code, 2);
  expect_has(said.err, {"wishes.csv has 150 texts: give one"});
  said = tandem(home, {"correct", "runs/wishes", "--rehearse", "wishes.csv", "--count", "2"});
  EXPECT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"texts of wishes.csv shown"});
}

std::string patients_csv() {
  std::string out = "age,smoker,ill\n";
  for (int i = 0; i < 240; ++i) {
    const int age = i % 2 ? 20 + i * 7 % 21 : 60 + i * 7 % 21;
    const bool other = i % 40 < 2;  // a column that copied the target would be left out
    out += fmt::format("{},{},{}\n", age, i % 3 ? "no" : "yes", (age > 50) != other ? "yes" : "no");
  }
  return out;
}

const char* const patients = R"(name: patients
task: table_classification
data: {source: patients.csv, validation: 0.2, table: {target: ill}}
network: [linear: 16, relu, linear: classes]
optimizer: {lr: 0.02}
train: {epochs: 10, batch: 16}
)";

TEST(PeopleCommands, RowsAreCorrectedAndLearned) {
  const Folder home;
  home.write("patients.csv", patients_csv());
  home.write("patients.yaml", patients);
  Said said = tandem(home, {"train", "patients.yaml"});
  ASSERT_EQ(said.code, 0) << said.err;
  home.write("new.csv", "age,smoker\n44,no\n45,yes\n46,no\n");
  for (const char* row : {"new.csv:2", "new.csv:3", "new.csv:4"}) {
    said = tandem(home, {"correct", "runs/patients", row, "yes", "--person", "ana"});
    EXPECT_EQ(said.code, 0) << said.err;
  }
  said = tandem(home, {"learn", "runs/patients", "--json", "--rate", "0.01", "--allowed", "0.05"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json update = json::parse(said.out);
  EXPECT_EQ(update.at("corrections"), 3) << said.out;
  EXPECT_GE(update.at("to").get<int>() + (update.at("outcome") == "all_known" ? 2 : 0), 2) << said.out;
  for (const auto& answer : json::parse(tandem(home, {"predict", "runs/patients", "new.csv", "--json"}).out))
    EXPECT_EQ(answer.at("label"), "yes");
  said = tandem(home, {"correct", "runs/patients", "new.csv", "yes"});
  EXPECT_EQ(said.code, 2);
  expect_has(said.err, {"new.csv has 3 rows", "new.csv:2"});
  said = tandem(home, {"correct", "runs/patients", "new.csv:9", "yes"});
  expect_has(said.err, {"no row of new.csv begins in line 9", "2 to 4"});
}

TEST(PeopleCommands, TextsAndRowsAreLabelledAndChecked) {
  const Folder home;
  home.write("wishes.csv", wishes_csv());
  home.write("wishes.yaml", wishes);
  home.write("patients.csv", patients_csv());
  home.write("patients.yaml", patients);
  home.write("new.txt", "where is it\nmy bill\n");
  Said said = tandem(home, {"label", "wishes.yaml", "new.txt", "--classes", "delivery,billing"}, {},
                     home.write("answers", "1\n2\n"));
  EXPECT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"2 answers now, 2 texts done, 0 left", "new.labels.csv"});
  expect_has(said.err, {"where is it", "1 delivery  2 billing", "data=new.labels.csv"});
  home.write("seen.csv", "age,smoker\n70,no\n30,yes\n");
  said = tandem(home, {"label", "patients.yaml", "seen.csv", "--classes", "no,yes"}, {}, home.write("answers", "2\n"));
  EXPECT_EQ(said.code, 0) << said.err;
  expect_has(said.err, {"  smoker  "});
  expect_has(said.out, {"1 answers now, 1 rows of a table done, 1 left"});

  for (const auto& [source, recipe, what] :
       {std::tuple{"wishes.csv", "check-texts", "texts"}, {"patients.csv", "check-rows", "rows of a table"}}) {
    const std::vector<std::string> check{"data",     "check", source,   "train.epochs=30",
                                         "--recipe", recipe,  "--flip", "0.05"};
    said = tandem(home, check);
    ASSERT_EQ(said.code, 0) << said.err;
    expect_has(said.out, {"labels are probably wrong", what, "suspects.csv"});
    std::vector<std::string> as_json = check;
    as_json.emplace_back("--json");
    const json report = json::parse(tandem(home, as_json).out);
    EXPECT_GE(report.at("flipped").at("recall"), 0.6) << source;
    EXPECT_GE(report.at("flipped").at("precision"), 0.3) << source << ": some rows are odd by themselves";
    EXPECT_EQ(std::ranges::count(read_text(home / report.at("sheet").get<std::string>()), '\n'),
              report.at("suspects").get<int>() + 1);
  }
}

TEST(PeopleCommands, LabelCurveComparesUsefulAndRandomQuestions) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  Said said = tandem(home, {"label", "tiny.yaml", "builtin", "--curve", "--sizes", "20,40", "--steps", "20", "--json"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json curve = json::parse(said.out);
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve[0].at("useful"), curve[0].at("random"));
  EXPECT_EQ(curve[1].at("labels"), 40);
  said = tandem(home,
                {"label", "tiny.yaml", "builtin", "--curve", "--sizes", "20,40", "--steps", "20", "--reach", "0.01"});
  expect_has(said.out, {"1.00 % take 20 labels with useful questions, 20 labels with random ones"});
}

struct Wrong {
  std::vector<std::string> arguments;
  int code;
  std::vector<std::string> parts;
};

TEST(PeopleCommands, SayWhatIsWrong) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  home.write("digit.png", png(7));
  fs::create_directories(home / "empty");
  ASSERT_EQ(tandem(home, {"train", "tiny.yaml", "train.epochs=1"}).code, 0);
  const std::vector<Wrong> rows{
      {{"correct", "runs/tiny"}, 2, {"a picture, a text or a row and its right label"}},
      {{"correct", "runs/tiny", "digit.png", "seven"}, 2, {"'seven' is no class", "0, 1, 2"}},
      {{"correct", "runs/tiny", "gone.png", "7"}, 3, {"gone.png"}},
      {{"learn", "runs/gone"}, 3, {"runs/gone", "runs/tiny"}},
      {{"versions", "runs/tiny", "--restore", "5"}, 2, {"no version 5; it has 1"}},
      {{"versions", "runs/tiny", "--compare", "1", "5"}, 2, {"no version 5"}},
      {{"records", "runs/tiny"}, 3, {"people.sqlite", "nothing was kept"}},
      {{"label", "tiny.yaml", "empty", "--classes", "a,b"}, 3, {"holds no .png"}},
      {{"label", "runs/tiny", "builtin", "--curve"}, 2, {"name a recipe"}},
      {{"data", "check", "mnits"}, 2, {"did you mean 'mnist'"}},
      {{"data", "check", "builtin", "--folds", "1"}, 2, {"--folds"}},
  };
  for (const Wrong& row : rows) {
    const Said said = tandem(home, row.arguments);
    EXPECT_EQ(said.code, row.code) << join(row.arguments, " ") << "\n" << said.err;
    EXPECT_TRUE(said.out.empty());
    expect_has(said.err, row.parts);
  }
}

}  // namespace
}  // namespace tandem::testing
