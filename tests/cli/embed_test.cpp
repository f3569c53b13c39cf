// tandem embed: vectors of texts, and the texts most alike.
#include <tandem/data/formats/npy.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli/program.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

/// A network that tells two kinds of wishes apart, and a desk's earlier questions.
struct Embed : ::testing::Test {
  static Folder* home;
  static void SetUpTestSuite() {
    home = new Folder;
    std::string csv = "wish,label\n";
    for (int i = 0; i < 40; ++i)
      csv += i % 2 ? "where is the parcel that I sent,delivery\n" : "the bill has a fee twice,billing\n";
    home->write("wishes.csv", csv);
    home->write("desk.csv", "id,wish\n1,the parcel is where\n2,why is the fee on my bill\n3,parcel\n");
    home->write("wishes.yaml", R"(name: wishes
task: text_classification
data: {source: wishes.csv, test_share: 0.1, text: {column: wish}}
network: [embedding: {width: 16, deviation: 0.3}, pool_sequence: mean, linear: 8, tanh, linear: classes]
optimizer: {type: adamw, lr: 0.02}
train: {epochs: 15, batch: 8}
)");
    const Said trained = run({"train", "wishes.yaml"});
    EXPECT_EQ(trained.code, 0) << trained.err;
  }
  static void TearDownTestSuite() {
    delete home;
    home = nullptr;
  }
  static Said run(const std::vector<std::string>& arguments, const fs::path& input = "/dev/null") {
    return tandem(*home, arguments, {}, input);
  }
};
Folder* Embed::home = nullptr;

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' not in:\n" << text;
}

std::vector<json> json_lines(const std::string& text) {
  std::vector<json> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
  return out;
}

TEST_F(Embed, WritesALineATextOrAnArray) {
  Said said = run({"embed", "runs/wishes", "where is \"it\"", "the fee"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.err, {"8 numbers at length 1: what goes into layer 4 (linear)"});
  const auto lines = json_lines(said.out);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["text"], "where is \"it\"");
  ASSERT_EQ(lines[1]["vector"].size(), 8U);
  double squares = 0;
  for (const double v : lines[1]["vector"]) squares += v * v;
  EXPECT_NEAR(squares, 1, 1e-5);

  const fs::path input = home->write("lines.txt", "where is \"it\"\nthe fee\n");
  said = run({"embed", "runs/wishes", "-", "--out", "v.npy", "--threads", "1"}, input);
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_TRUE(said.out.empty());
  expect_has(said.err, {"v.npy  2 texts"});
  const Tensor array = data::read_npy(*home / "v.npy");
  ASSERT_EQ(array.shape(), (Shape{2, 8}));
  for (size_t i = 0; i < 16; ++i)
    EXPECT_EQ(array.data<const float>()[i], lines[i / 8]["vector"][i % 8].get<float>()) << "the same numbers";
}

TEST_F(Embed, FindsTheTextsMostAlike) {
  Said said = run({"embed", "runs/wishes", "where is my parcel", "a fee on the bill", "--among", "desk.csv", "--json"});
  ASSERT_EQ(said.code, 0) << said.err;
  const auto found = json_lines(said.out);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0]["text"], "where is my parcel");
  ASSERT_EQ(found[0]["nearest"].size(), 3U);
  EXPECT_NE(found[0]["nearest"][0]["index"], 1);
  EXPECT_EQ(found[1]["nearest"][0]["index"], 1);
  EXPECT_EQ(found[1]["nearest"][0]["text"], "why is the fee on my bill");
  for (size_t k = 1; k < 3; ++k)
    EXPECT_LE(found[0]["nearest"][k]["similarity"], found[0]["nearest"][k - 1]["similarity"]);

  // Kept with their vectors they are found the same way.
  ASSERT_EQ(run({"embed", "runs/wishes", "desk.csv", "--out", "desk.safetensors"}).code, 0);
  const Said kept =
      run({"embed", "runs/wishes", "where is my parcel", "a fee on the bill", "--among", "desk.safetensors", "--json"});
  EXPECT_EQ(kept.out, said.out);

  said = run({"embed", "runs/wishes", "the parcel is where", "--among", "desk.csv", "--top", "1"});
  EXPECT_EQ(said.out, "the parcel is where\n   1.000  the parcel is where\n");
}

TEST_F(Embed, SaysWhatMeansNothingAndWhatIsWrong) {
  Said said = run({"embed", "runs/wishes", "我的包裹在哪里", "the fee"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(json_lines(said.out).size(), 2U);
  expect_has(said.err, {"'我的包裹在哪里': ", "none of these words", "means nothing"});
  said = run({"embed", "runs/wishes", "我", "我们", "--among", "desk.csv"});
  expect_has(said.err, {"'我' and 1 more"});

  const auto refused = [&](const std::vector<std::string>& more, int code, const std::vector<std::string>& parts) {
    std::vector<std::string> arguments{"embed"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Said answer = run(arguments);
    EXPECT_EQ(answer.code, code) << answer.err;
    expect_has(answer.err, parts);
    EXPECT_TRUE(answer.out.empty()) << answer.out;
  };
  refused({"runs/wishes", ""}, 3, {"the text given", "is empty"});
  refused({"runs/wishes", "\xff"}, 3, {"the text given"});
  refused({"runs/wishes", "none.csv"}, 3, {"none.csv", "does not exist"});
  refused({"runs/wishes", "the fee", "--among", "none.csv"}, 3, {"none.csv", "does not exist"});
  refused({"runs/wishes", "the fee", "--among", "desk.csv", "--column", "text"}, 3, {"desk.csv", "text", "wish"});
  refused({"runs/wishes", "the fee", "--out", "v.txt"}, 2, {"v.txt", ".npy", ".safetensors"});
  refused({"runs/wishes", "the fee", "--out", "v.npy", "--among", "desk.csv"}, 2, {"--out", "--among", "one of them"});
  refused({"runs/wishes", "the fee", "--among", "runs/wishes/model.safetensors"}, 3, {"no texts with their vectors"});
  refused({"runs/none", "the fee"}, 3, {"runs/none"});
  home->write("gap.csv", "id,wish\n1,the fee\n2,\n");
  refused({"runs/wishes", "the fee", "--among", "gap.csv"}, 3, {"gap.csv: text 2", "empty"});
}

}  // namespace
}  // namespace tandem::testing
