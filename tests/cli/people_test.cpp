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

TEST(PeopleCommands, LabelCurveComparesUsefulAndRandomQuestions) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  Said said =
      tandem(home, {"label", "tiny.yaml", "builtin", "--curve", "--sizes", "20,40", "--steps", "20", "--json"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json curve = json::parse(said.out);
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve[0].at("useful"), curve[0].at("random"));
  EXPECT_EQ(curve[1].at("labels"), 40);
  said = tandem(home, {"label", "tiny.yaml", "builtin", "--curve", "--sizes", "20,40", "--steps", "20", "--reach",
                       "0.01"});
  expect_has(said.out, {"1.00 % take 20 labels with useful questions, 20 with random ones"});
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
      {{"correct", "runs/tiny"}, 2, {"a picture and its right label"}},
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
