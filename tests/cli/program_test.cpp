// The program as people use it: exit codes, what goes to stdout and to stderr, and what is left behind.
#include <tandem/data/formats/image.h>
#include <tandem/tensor/safetensors.h>
#include <tandem/train/recipe.h>

#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tests/cli/program.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' not in:\n" << text;
}

std::string idx(const std::vector<uint32_t>& sizes, size_t bytes, uint8_t value = 0) {
  std::string out("\0\0\x08", 3);
  out += static_cast<char>(sizes.size());
  for (const uint32_t size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 255);
  return out + std::string(bytes, static_cast<char>(value));
}

std::string png(int64_t height, int64_t width) {
  Tensor image = Tensor::empty({height, width, 1}, DType::u8);
  uint8_t next = 0;
  for (uint8_t& value : image.data<uint8_t>()) value = static_cast<uint8_t>(next += 7);
  const auto bytes = data::encode_png(image);
  return {bytes.begin(), bytes.end()};
}

const char* const tiny = R"(name: tiny
data: {train: 200, test: 60, validation: 0.2, size: [14, 14]}
network: [conv: {filters: 4, kernel: 5, stride: 2}, batch_norm, relu, flatten, linear: classes]
optimizer: {lr: 0.01}
train: {epochs: 3, batch: 32}
)";

/// A folder with a trained run in runs/tiny, made once.
struct Command : ::testing::Test {
  static Folder* home;
  static Said trained;
  static void SetUpTestSuite() {
    home = new Folder;
    home->write("tiny.yaml", tiny);
    trained = tandem(*home, {"train", "tiny.yaml"});
    home->write("digit.png", png(14, 14));
    home->write("wide.png", png(30, 20));
  }
  static void TearDownTestSuite() {
    delete home;
    home = nullptr;
  }
  static Said run(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                  const fs::path& input = "/dev/null") {
    return tandem(*home, arguments, environment, input);
  }
  static std::set<std::string> content() {
    std::set<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(home->path())) out.insert(entry.path().string());
    return out;
  }
};
Folder* Command::home = nullptr;
Said Command::trained;

TEST_F(Command, TrainWritesARunAndSaysWhatIsNext) {
  EXPECT_EQ(trained.code, 0) << trained.err;
  expect_has(trained.out, {"accuracy"});
  expect_has(trained.err, {"training runs/tiny", "epoch", "1/3", "3/3", "runs/tiny/report.html",
                           "runs/tiny/model.safetensors", "tandem inspect runs/tiny"});
  EXPECT_EQ(trained.err.find('\x1b'), std::string::npos) << "no colour or bars outside a terminal";
  for (const char* file : {"recipe.yaml", "model.safetensors", "checkpoints/last.safetensors", "metrics.jsonl",
                           "report.json", "report.html", "log.txt"})
    EXPECT_TRUE(fs::exists(*home / "runs/tiny" / file)) << file;
}

// Other data in class folders has no parts of its own, and none of it was trained on: every picture counts.
TEST_F(Command, EvaluateOnOtherDataTakesAllOfIt) {
  for (int digit = 0; digit < 10; ++digit)
    for (int copy = 0; copy < 3; ++copy) home->write(fmt::format("mine/{}/{}.png", digit, copy), png(14, 14));
  const Said said = run({"evaluate", "runs/tiny", "--on", "mine/", "--json"});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(json::parse(said.out).at("examples"), 30);
  EXPECT_EQ(json::parse(said.out).at("split"), "all");
}

struct Row {
  std::string name;
  int code;
  std::vector<std::string> arguments;
  std::vector<std::string> parts;  // of the one line on stderr
  std::vector<std::string> environment = {};
};

// Every row: this exit code, one line on stderr that starts with "tandem: " and has these parts (a line that says what
// is being trained may stand before it), nothing on stdout, and no file or folder that was not there before.
TEST_F(Command, BadInput) {
  const Folder& h = *home;
  // Data sets, each with one fault.
  h.write("cut/mnist/train-images-idx3-ubyte", idx({10, 28, 28}, 5000));
  h.write("cut/mnist/train-labels-idx1-ubyte", idx({10}, 10));
  h.write("swapped/train-images-idx3-ubyte", idx({10}, 10));
  h.write("swapped/train-labels-idx1-ubyte", idx({10, 4, 4}, 160));
  h.write("uneven/train-images-idx3-ubyte", idx({10, 4, 4}, 160));
  h.write("uneven/train-labels-idx1-ubyte", idx({9}, 9));
  h.write("label/mnist/train-images-idx3-ubyte", idx({10, 28, 28}, 7840));
  h.write("label/mnist/train-labels-idx1-ubyte", idx({10}, 10, 200));
  h.write("noidx/train-images-idx3-ubyte", "no idx at all");
  h.write("noidx/train-labels-idx1-ubyte", idx({9}, 9));
  h.write("hole/a/1.png", png(8, 8));
  fs::create_directories(h / "hole/b");
  h.write("sizes/a/1.png", png(8, 8));
  h.write("sizes/b/1.png", png(8, 9));
  h.write("broken/a/1.png", png(8, 8));
  h.write("broken/b/1.png", png(8, 8).substr(0, 40));
  h.write("text/a/1.png", png(8, 8));
  h.write("text/b/1.png", "this is no picture");
  fs::create_directories(h / "nothing");
  for (const char* c : {"a", "b"})
    for (int i = 0; i < 8; ++i) h.write(fmt::format("pair/{}/{}.png", c, i), png(14, 14));
  // Models and recipes.
  h.write("occupied", "a file where a folder should be");
  h.write("text.safetensors", "this is no model");
  write_safetensors(h / "plain.safetensors", {{{"a", Tensor::zeros({2})}}, {}});
  const auto model = read_text(h / "runs/tiny/model.safetensors");
  h.write("cut.safetensors", model.substr(0, model.size() - 100));
  h.write("halfway/recipe.yaml", tiny);
  h.write("twice.yaml", "name: x\nname: y\nnetwork: [relu]\n");
  h.write("tab.yaml", "name: x\n\tnetwork: [relu]\n");
  h.write("list.yaml", "- a\n");
  h.write("empty.yaml", "");
  h.write(
      "nan.yaml",
      "name: nan\ndata: {train: 200, test: 60, size: [14, 14]}\nnetwork: [flatten, linear: 50, linear: 50, linear: 50, "
      "linear: classes]\noptimizer: {type: sgd, lr: 1000, momentum: 0.99}\ntrain: {epochs: 3, batch: 16}\n");
  const std::string name(5000, 'a');

  const std::vector<Row> rows{
      {"no verb", 2, {}, {"give a verb", "train", "predict", "--help"}},
      {"unknown verb", 2, {"trian"}, {"'trian' is no verb", "did you mean 'train'"}},
      {"unknown flag", 2, {"train", "digits", "--bogus"}, {"--bogus"}},
      {"threads", 2, {"--threads", "0", "recipe", "digits"}, {"--threads"}},
      {"threads of the environment", 2, {"recipe", "digits"}, {"--threads"}, {"TANDEM_THREADS=many"}},
      {"instruction set", 2, {"recipe", "digits"}, {"TANDEM_ISA", "'bogus'", "avx2 or avx512"}, {"TANDEM_ISA=bogus"}},

      {"no recipe", 2, {"train"}, {"give either a recipe"}},
      {"missing recipe", 2, {"train", "gone.yaml"}, {"'gone.yaml' is no file", "there are: "}},
      {"misspelt recipe", 2, {"train", "digist"}, {"'digist'", "did you mean 'digits'"}},
      {"folder for a recipe", 2, {"train", "pair"}, {"a folder", "tandem train digits data=pair"}},
      {"override for a recipe", 2, {"train", "data=pair"}, {"an override", "tandem train digits data=pair"}},
      {"a recipe with a very long name", 2, {"train", name}, {"is no file"}},
      {"key twice", 2, {"train", "twice.yaml"}, {"twice.yaml:2:1", "'name' stands twice"}},
      {"tab", 2, {"train", "tab.yaml"}, {"tab.yaml:2:"}},
      {"list", 2, {"train", "list.yaml"}, {"list.yaml:1:1", "keys and values"}},
      {"empty", 2, {"train", "empty.yaml"}, {"empty.yaml", "keys and values"}},
      {"unknown key", 2, {"train", "tiny.yaml", "train.epoch=3"}, {"unknown key 'epoch'", "did you mean 'epochs'"}},
      {"bad value", 2, {"train", "tiny.yaml", "train.epochs=many"}, {"train.epochs", "whole number, got 'many'"}},
      {"out of range", 2, {"train", "tiny.yaml", "train.batch=0"}, {"train.batch", "1 to"}},
      {"bad override", 2, {"train", "tiny.yaml", "epochs"}, {"'epochs' is no override", "key=value"}},
      {"yaml in override", 2, {"train", "tiny.yaml", "network=["}, {"override 'network=['"}},
      {"unknown layer", 2, {"train", "tiny.yaml", "network.2=rellu"}, {"unknown layer 'rellu'", "did you mean 'relu'"}},
      {"impossible network",
       2,
       {"train", "tiny.yaml", "network=[flatten, conv: 3, linear: classes]"},
       {"layer 1: conv", "before flatten"}},
      {"kernel too large",
       2,
       {"train", "tiny.yaml", "network.0.conv.kernel=15"},
       {"layer 0: conv", "kernel 15", "14x14"}},
      {"output does not fit",
       2,
       {"train", "tiny.yaml", "network.4=linear: 3"},
       {"shape (3)", "expected (10)", "linear: classes"}},
      {"loss does not fit", 2, {"train", "tiny.yaml", "loss=binary_cross_entropy_logits"}, {"two classes", "has 10"}},
      {"optimiser", 2, {"train", "tiny.yaml", "optimizer.momentum=0.9"}, {"optimizer", "beta1"}},
      {"schedule", 2, {"train", "tiny.yaml", "schedule.warmup=7"}, {"warmup of 7", "training of 3"}},
      {"one class", 2, {"train", "tiny.yaml", "data.classes=[\"1\"]"}, {"one, '1'", "two or more"}},
      {"augmentation larger than the picture", 2, {"train", "tiny.yaml", "data.augment.erase=100"}, {"erase"}},
      {"gate",
       2,
       {"train", "tiny.yaml", "--require", "acuracy>=0.9"},
       {"'acuracy>=0.9' is no gate", "did you mean 'accuracy'"}},
      {"gate without a number", 2, {"train", "tiny.yaml", "--require", "accuracy>=high"}, {"is no gate"}},
      {"gate of another form", 2, {"evaluate", "runs/tiny", "--require", "accuracy=0.9"}, {"FIGURE>=NUMBER"}},

      {"unknown data", 2, {"train", "tiny.yaml", "data=mnits"}, {"'mnits'", "did you mean 'mnist'"}},
      {"unknown class", 2, {"train", "tiny.yaml", "data.classes=[\"11\"]"}, {"11"}},
      {"data set that is not here",
       3,
       {"train", "tiny.yaml", "data=mnist", "--data", "nothing"},
       {"mnist", "nothing/mnist", "tandem data fetch mnist"}},
      {"data folder of the environment",
       3,
       {"train", "tiny.yaml", "data=mnist"},
       {"elsewhere/mnist"},
       {"TANDEM_DATA=elsewhere"}},
      {"path that is not there", 3, {"train", "tiny.yaml", "data=./gone"}, {"./gone", "does not exist"}},
      {"truncated images", 3, {"train", "tiny.yaml", "data=mnist", "--data", "cut"}, {"train-images-idx3-ubyte"}},
      {"images and labels swapped", 3, {"train", "tiny.yaml", "data=swapped/"}, {"train-images-idx3-ubyte"}},
      {"more images than labels", 3, {"train", "tiny.yaml", "data=uneven/"}, {"uneven", "10", "9"}},
      {"label out of range", 3, {"train", "tiny.yaml", "data=mnist", "--data", "label"}, {"200"}},
      {"no IDX file", 3, {"train", "tiny.yaml", "data=noidx/"}, {"noidx", "train-images-idx3-ubyte"}},
      {"class without pictures", 3, {"train", "tiny.yaml", "data=hole/"}, {"hole", "b"}},
      {"pictures of two sizes", 3, {"train", "tiny.yaml", "data=sizes/", "data.size="}, {"sizes/b/1.png", "8"}},
      {"picture cut short", 3, {"train", "tiny.yaml", "data=broken/"}, {"broken/b/1.png"}},
      {"picture that is none", 3, {"train", "tiny.yaml", "data=text/"}, {"text/b/1.png"}},
      {"folder without pictures", 3, {"train", "tiny.yaml", "data=nothing/"}, {"nothing"}},

      {"runs folder is a file", 3, {"train", "tiny.yaml", "--runs", "occupied"}, {"occupied"}},
      {"runs folder inside a file",
       3,
       {"train", "tiny.yaml", "--runs", "occupied/runs"},
       {"occupied/runs", "cannot be made"}},
      {"runs folder nobody may write",
       3,
       {"train", "tiny.yaml", "--runs", "/proc/tandem"},
       {"/proc/tandem", "cannot be made"}},
      {"loss that is no number", 1, {"train", "nan.yaml"}, {"epoch 1", "optimizer.lr"}},

      {"resume of no run", 3, {"train", "--resume", "nothing"}, {"nothing: is no run folder", "runs/tiny"}},
      {"resume of a run that never saved",
       3,
       {"train", "--resume", "halfway"},
       {"halfway/checkpoints/last.safetensors"}},
      {"resume and a recipe", 2, {"train", "tiny.yaml", "--resume", "runs/tiny"}, {"either a recipe"}},
      {"resume and overrides",
       2,
       {"train", "", "train.epochs=5", "--resume", "runs/tiny"},
       {"overrides are not possible"}},

      {"model that is not there", 3, {"evaluate", "gone.safetensors"}, {"gone.safetensors", "No such file"}},
      {"model with a very long name", 3, {"evaluate", name}, {"File name too long"}},
      {"no model", 3, {"inspect", "text.safetensors"}, {"text.safetensors", "not a valid safetensors file"}},
      {"another kind of safetensors", 3, {"inspect", "plain.safetensors"}, {"plain.safetensors", "no model of tandem"}},
      {"model cut short", 3, {"predict", "cut.safetensors", "digit.png"}, {"cut.safetensors", "not a valid"}},
      {"run without a model", 3, {"inspect", "halfway"}, {"halfway/model.safetensors"}},
      {"folder that is no run", 3, {"predict", "nothing", "digit.png"}, {"nothing", "is no run folder"}},
      {"other data without the classes",
       3,
       {"evaluate", "runs/tiny", "--on", "pair/"},
       {"classes a, b", "the model knows 0, 1"}},
      {"split that is none", 2, {"evaluate", "runs/tiny", "--split", "all"}, {"--split", "all"}},
      {"page that cannot be written",
       3,
       {"evaluate", "runs/tiny", "--json", "--page", "nothing/such/page.html"},
       {"nothing/such/page.html", "cannot be written"}},
      {"picture that is not there", 3, {"predict", "runs/tiny", "gone.png"}, {"gone.png", "No such file"}},
      {"corrupt picture", 3, {"predict", "runs/tiny", "broken/b/1.png"}, {"broken/b/1.png"}},
      {"text for a picture", 3, {"predict", "runs/tiny", "digit.png", "tiny.yaml"}, {"tiny.yaml"}},
      {"empty folder of pictures", 3, {"predict", "runs/tiny", "nothing"}, {"nothing", "no .png"}},
      {"empty standard input", 3, {"predict", "runs/tiny", "-"}, {"standard input"}},
      {"format", 2, {"predict", "runs/tiny", "digit.png", "--format", "xml"}, {"xml"}},
      {"nothing to predict", 2, {"predict", "runs/tiny"}, {"inputs"}},

      {"data without a verb", 2, {"data"}, {"ubcommand", "tandem data --help"}},
      {"data show of nothing", 2, {"data", "show", "mnits"}, {"did you mean 'mnist'"}},
      {"data fetch of nothing", 2, {"data", "fetch", "mnits"}, {"mnits"}},
      {"data fetch of what has no address", 2, {"data", "fetch", "builtin"}, {"builtin"}},
      {"sheet that cannot be written",
       3,
       {"data", "show", "pair/", "--out", "nothing/such/s.png"},
       {"nothing/such/s.png", "cannot be written"}},
      {"recipe with a bad override", 2, {"recipe", "digits", "train.epoch=3"}, {"did you mean 'epochs'"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto before = content();
    const Said said = run(row.arguments, row.environment);
    EXPECT_EQ(said.code, row.code) << said.err;
    auto lines = said.lines();
    if (!lines.empty() && lines[0].starts_with("training ")) lines.erase(lines.begin());
    if (!lines.empty() && lines[0].starts_with("resuming ")) lines.erase(lines.begin());
    std::erase_if(lines, [](const std::string& line) { return line.starts_with("epoch "); });  // steps that went wrong
    EXPECT_EQ(lines.size(), 1U) << said.err;
    if (lines.size() != 1) continue;
    EXPECT_TRUE(lines[0].starts_with("tandem: ")) << said.err;
    expect_has(lines[0], row.parts);
    // What asks for a result and a file prints the result first.
    if (!row.name.ends_with("that cannot be written")) {
      EXPECT_EQ(said.out, "");
    }
    for (const auto& path : content())
      if (!before.contains(path) && !path.ends_with("/.out") && !path.ends_with("/.err"))
        ADD_FAILURE() << "left behind: " << path;
  }
}

TEST_F(Command, ThePagesNextStepsAreVerbsOfTheProgram) {
  const std::string page = read_text(*home / "runs/tiny/report.html"), open = "id=\"report-data\">";
  const size_t from = page.find(open) + open.size();
  const json next = json::parse(page.substr(from, page.find("</script>", from) - from)).at("next");
  EXPECT_FALSE(next.empty());
  for (const auto& step : next) {
    std::istringstream words(step.at(0).get<std::string>());
    std::string program, verb;
    words >> program >> verb;
    EXPECT_EQ(program, "tandem");
    EXPECT_EQ(run({verb, "--help"}).code, 0) << step;
  }
}

TEST_F(Command, AFirstRunThatFailsLeavesNoRunsFolder) {
  const Folder empty;
  EXPECT_EQ(tandem(empty, {"train", "digits", "data=./gone"}).code, 3);
  EXPECT_FALSE(fs::exists(empty / "runs"));
}

TEST_F(Command, WhenStandardOutputIsFull) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const std::string quiet = " > /dev/full 2> " + (*home / ".err").string();
  for (const std::string verb : {"recipe digits", "data list", "data list --json"}) {
    const int status = std::system(("'" + built_program.string() + "' " + verb + quiet).c_str());
    EXPECT_EQ(WEXITSTATUS(status), 3) << verb;
    expect_has(read_text(*home / ".err"), {"tandem: "});
  }
}

TEST_F(Command, WhenTheFolderIsFull) {
  // A limit on the size of files stands for a full disk: both end a write in its middle.
  const auto before = content();
  const int status = std::system(("cd '" + home->path().string() + "' && trap '' XFSZ && ulimit -f 4 && exec '" +
                                  built_program.string() + "' train tiny.yaml name=full >/dev/null 2>.err")
                                     .c_str());
  EXPECT_EQ(WEXITSTATUS(status), 3);
  expect_has(read_text(*home / ".err"), {"runs/full/checkpoints/next.safetensors: cannot be written: File too large"});
  EXPECT_EQ(content(), before);
}

TEST_F(Command, AMissedGateIsFour) {
  const Said missed = run({"evaluate", "runs/tiny", "--require", "accuracy>=0.9999", "--require", "errors<=60"});
  EXPECT_EQ(missed.code, 4);
  expect_has(missed.out, {"accuracy"});
  expect_has(missed.err, {"gate missed: accuracy is 0.", "required at least 0.9999"});
  EXPECT_EQ(missed.err.find("errors"), std::string::npos);
  EXPECT_EQ(run({"evaluate", "runs/tiny", "--require", "accuracy>=0.05", "--require", "errors<=60"}).code, 0);
  const Said train = run({"train", "tiny.yaml", "name=gate", "train.epochs=1", "--require", "accuracy>=1"});
  EXPECT_EQ(train.code, 4);
  EXPECT_TRUE(fs::exists(*home / "runs/gate/report.html")) << "the run stays: one must be able to see why";
}

TEST_F(Command, CtrlCSavesAndResumeFinishesTheSame) {
  const std::vector<std::string> arguments{"train", "tiny.yaml", "train.epochs=80", "schedule=cosine"};
  auto with_name = [&](const std::string& name) {
    auto out = arguments;
    out.push_back("name=" + name);
    return out;
  };
  Program program(home->path(), with_name("cut"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(*home / "runs/cut/checkpoints/last.safetensors") && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  program.signal(SIGINT);
  const Said said = program.wait();
  ASSERT_EQ(said.code, 130) << said.err;
  expect_has(said.err, {"interrupted", "tandem train --resume runs/cut"});
  EXPECT_FALSE(fs::exists(*home / "runs/cut/model.safetensors"));
  const Said resumed = run({"train", "--resume", "runs/cut"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  expect_has(resumed.err, {"resuming runs/cut", "80/80"});

  ASSERT_EQ(run(with_name("whole")).code, 0);
  const auto cut = read_safetensors(*home / "runs/cut/model.safetensors"),
             whole = read_safetensors(*home / "runs/whole/model.safetensors");
  EXPECT_TRUE(format_safetensors({cut.tensors, {}}) == format_safetensors({whole.tensors, {}}));
}

TEST_F(Command, PredictSpeaksTableJsonAndCsv) {
  const Said table = run({"predict", "runs/tiny", "digit.png", "wide.png"});
  ASSERT_EQ(table.code, 0) << table.err;
  EXPECT_EQ(table.err, "");
  expect_has(table.out, {"digit.png", "wide.png", "%", "then"});

  const Said text = run({"predict", "runs/tiny", "--json", "digit.png", "wide.png"});
  ASSERT_EQ(text.code, 0) << text.err;
  const json list = json::parse(text.out);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].at("input"), "wide.png");
  double sum = 0;
  for (const auto& [name, p] : list[0].at("probabilities").items()) {
    sum += p.get<double>();
    EXPECT_LE(p.get<double>(), list[0].at("probability").get<double>());
  }
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_EQ(list[0].at("probabilities").size(), 10U);
  EXPECT_EQ(list[0].at("probabilities").at(list[0].at("label").get<std::string>()), list[0].at("probability"));
  EXPECT_EQ(run({"predict", "runs/tiny", "digit.png", "wide.png", "--format", "json"}).out, text.out);
  EXPECT_EQ(run({"predict", "runs/tiny/model.safetensors", "digit.png", "wide.png", "--json"}).out, text.out);

  const Said input = run({"predict", "runs/tiny", "-", "--json"}, {}, *home / "digit.png");
  ASSERT_EQ(input.code, 0) << input.err;
  EXPECT_EQ(json::parse(input.out)[0].at("label"), list[0].at("label"));
  EXPECT_NEAR(json::parse(input.out)[0].at("probability").get<double>(), list[0].at("probability").get<double>(), 1e-6);

  home->write("pictures/b, \"c\".png", png(14, 14));
  home->write("pictures/deep/a.PNG", png(14, 14));
  home->write("pictures/notes.txt", "not a picture");
  const Said csv = run({"predict", "runs/tiny", "pictures", "--format", "csv"});
  ASSERT_EQ(csv.code, 0) << csv.err;
  std::istringstream in(csv.out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3U) << csv.out;
  EXPECT_TRUE(lines[0].starts_with("input,label,probability,p:0,p:1")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("\"pictures/b, \"\"c\"\".png\",")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("pictures/deep/a.PNG,")) << lines[2];
  EXPECT_EQ(std::ranges::count(lines[2], ','), 12);

  const Said inverted = run({"predict", "runs/tiny", "--json", "--invert", "digit.png"});
  EXPECT_NE(json::parse(inverted.out)[0].at("probability"), list[0].at("probability"));
}

TEST_F(Command, InspectSpeaksJson) {
  const Said said = run({"inspect", "runs/tiny", "--json"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json all = json::parse(said.out);
  // conv 4·25 + 4, norm 4 + 4, linear 100·10 + 10 on (14 - 5) / 2 + 1 = 5 x 5 x 4.
  EXPECT_EQ(all.at("parameters"), 104 + 8 + 1010);
  EXPECT_EQ(all.at("numbers"), 104 + 16 + 1010);
  EXPECT_EQ(all.at("multiply_adds"), 25 * 25 * 4 + 1000);
  EXPECT_EQ(all.at("input"), json({14, 14, 1}));
  EXPECT_EQ(all.at("classes").size(), 10U);
  ASSERT_EQ(all.at("layers").size(), 5U);
  EXPECT_EQ(all.at("layers")[0].at("output"), json({5, 5, 4}));
  EXPECT_EQ(all.at("layers")[4].at("parameters"), 1010);
  const Said table = run({"inspect", "runs/tiny"});
  EXPECT_EQ(table.code, 0);
  expect_has(table.out, {"conv", "5 x 5 x 4", "1,010", "1,122 parameters", "10 classes"});
}

TEST_F(Command, InspectSaysWhatAModelTakes) {
  const json cost = json::parse(run({"inspect", "runs/tiny", "--json"}).out).at("cost");
  EXPECT_EQ(cost.at("file_bytes"), fs::file_size(*home / "runs/tiny/model.safetensors"));
  EXPECT_EQ(cost.at("float32_bytes"), 4 * (104 + 16 + 1010));
  EXPECT_EQ(cost.at("int8_numbers"), 0);
  EXPECT_EQ(cost.at("zeros"), 0);
  EXPECT_EQ(cost.at("speed").at("unit"), "examples");
  EXPECT_EQ(cost.at("speed").at("batch"), 64);
  EXPECT_GT(cost.at("speed").at("batched"), 0);
  EXPECT_GT(cost.at("speed").at("one_by_one"), 0);
  const Said table = run({"inspect", "runs/tiny", "--threads", "1"});
  expect_has(table.out, {"file: ", "of what its numbers take in float32", "speed: ", "examples a second, 64 together;",
                         "one at a time (1 threads, AVX"});
  EXPECT_EQ(table.out.find("int8"), std::string::npos);
  EXPECT_EQ(table.out.find("zeros"), std::string::npos);
}

TEST_F(Command, QuantiseMakesAModelThatEveryVerbTakes) {
  const Said said = run({"quantise", "runs/tiny", "small.safetensors", "--examples", "100"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"int8    1,100 of ", "bytes   "});
  expect_has(said.err, {"model   small.safetensors"});
  const json cost = json::parse(run({"inspect", "small.safetensors", "--json"}).out).at("cost");
  EXPECT_EQ(cost.at("int8_numbers"), 100 + 1000) << "convolution and linear";
  expect_has(run({"inspect", "small.safetensors"}).out, {"int8_conv 4", "int8_linear 10", "int8: 1,100 of ",
                                                         "quantised: int8, ranges from 100 training examples"});
  const double before = json::parse(run({"evaluate", "runs/tiny", "--json"}).out).at("accuracy");
  const double after = json::parse(run({"evaluate", "small.safetensors", "--json"}).out).at("accuracy");
  EXPECT_NEAR(after, before, 0.034) << "two of sixty";
  EXPECT_EQ(run({"predict", "small.safetensors", "digit.png"}).code, 0);
  EXPECT_EQ(run({"explain", "small.safetensors", "digit.png", "--out", "why.png"}).code, 0);
  EXPECT_EQ(run({"export", "small.safetensors", "--to", "onnx"}).code, 0);
  EXPECT_EQ(run({"inspect", "--verify", "small.safetensors"}).code, 0) << "it has checksums";

  Said refused = run({"quantise", "small.safetensors", "smaller.safetensors"});
  EXPECT_EQ(refused.code, 2);
  expect_has(refused.err, {"quantise", "one of 8-bit integers already"});
  home->write("on.yaml", "name: on\nstart_from: small.safetensors\ndata: {train: 100, test: 50, size: [14, 14]}\n");
  refused = run({"train", "on.yaml"});
  EXPECT_EQ(refused.code, 2);
  expect_has(refused.err, {"tensor '0.weight'", "predict and do not learn", "quantise that"});
  TensorFile bare = read_safetensors(*home / "small.safetensors");
  bare.metadata.erase("tandem.recipe");
  write_safetensors(*home / "bare.safetensors", bare);
  refused = run({"quantise", "bare.safetensors", "x.safetensors"});
  EXPECT_EQ(refused.code, 3);
  expect_has(refused.err, {"bare.safetensors", "holds no recipe, and so no data to learn ranges from"});
  write_safetensors(*home / "words.safetensors",
                    {{{"a", Tensor::zeros({2})}}, {{"tandem.format", "1"}, {"tandem.task", "language_model"}}});
  refused = run({"quantise", "words.safetensors", "x.safetensors"});
  EXPECT_EQ(refused.code, 2);
  expect_has(refused.err, {"words.safetensors is a language model", "tell classes apart"});
  EXPECT_FALSE(fs::exists(*home / "x.safetensors"));
}

TEST_F(Command, EvaluateAgreesWithTheRunsReport) {
  const json written = json::parse(read_text(*home / "runs/tiny/report.json"));
  const Said said = run({"evaluate", "runs/tiny", "--json", "--page", "page.html"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json printed = json::parse(said.out);
  for (const char* key : {"accuracy", "loss", "confusion", "classes", "examples", "parameters", "seed"})
    EXPECT_EQ(printed.at(key), written.at(key)) << key;
  expect_has(read_text(*home / "page.html"), {"</html>"});
  EXPECT_EQ(json::parse(run({"evaluate", "runs/tiny/model.safetensors", "--json"}).out).at("accuracy"),
            written.at("accuracy"))
      << "one file is enough";
  EXPECT_EQ(json::parse(run({"evaluate", "runs/tiny", "--json", "--split", "validation"}).out).at("split"),
            "validation");
}

TEST_F(Command, SeveralRunsAnswerTogetherAndTeachAnother) {
  ASSERT_EQ(run({"train", "tiny.yaml", "name=second", "seed=2"}).code, 0);
  const Said said = run({"evaluate", "runs/tiny", "runs/second", "--json", "--page", "both.html"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json both = json::parse(said.out), alone = json::parse(read_text(*home / "runs/tiny/report.json"));
  ASSERT_EQ(both.at("members").size(), 2U);
  EXPECT_EQ(both.at("members")[0].at("name"), "runs/tiny");
  EXPECT_EQ(both.at("members")[0].at("accuracy"), alone.at("accuracy"));
  EXPECT_EQ(both.at("name"), "tiny + second");
  EXPECT_EQ(both.at("parameters"), 2 * alone.at("parameters").get<int64_t>());
  EXPECT_LE(both.at("loss"),
            (both.at("members")[0].at("loss").get<double>() + both.at("members")[1].at("loss").get<double>()) / 2);
  expect_has(read_text(*home / "both.html"), {"</html>", "tiny + second"});
  expect_has(run({"evaluate", "runs/tiny", "runs/second"}).out, {"members alone", "runs/second: accuracy"});
  EXPECT_EQ(run({"evaluate", "runs/tiny", "runs/second", "--require", "accuracy>=0.9999"}).code, 4);
  const Said seen = run({"evaluate", "runs/tiny", "runs/second", "--split", "validation"});
  EXPECT_EQ(seen.code, 2);
  expect_has(seen.err, {"runs/second", "validation part that seed 1 sets aside", "data.seed"});
  const Said strangers = run({"evaluate", "runs/tiny", "runs/second", "--strangers", "noise"});
  EXPECT_EQ(strangers.code, 2);
  expect_has(strangers.err, {"--strangers", "one network"});

  const Said taught = run({"train", "tiny.yaml", "name=pupil", "seed=3", "teach.from=[runs/tiny, runs/second]"});
  ASSERT_EQ(taught.code, 0) << taught.err;
  expect_has(read_text(*home / "runs/pupil/recipe.yaml"), {"teach:", "temperature: 2", "share: 0.7"});
  EXPECT_GT(json::parse(run({"evaluate", "runs/pupil", "--json"}).out).at("accuracy"), 0.3);
  const Said gone = run({"train", "tiny.yaml", "name=orphan", "teach.from=[runs/gone]"});
  EXPECT_EQ(gone.code, 3);
  expect_has(gone.err, {"runs/gone"});
}

// Pictures in a folder have no test part: what one seed sets aside, the network of another has learned.
TEST_F(Command, AnEnsembleIsNotMeasuredOnWhatAMemberLearned) {
  for (int i = 0; i < 12; ++i)
    for (const char* kind : {"a", "b"}) home->write(fmt::format("ab/{}/{}.png", kind, i), png(8 + i, 8));
  home->write("ab.yaml", "name: ab\ndata: {source: ab/, size: 8}\nnetwork: [flatten, linear: classes]\ntrain: 1\n");
  ASSERT_EQ(run({"train", "ab.yaml"}).code, 0);
  ASSERT_EQ(run({"train", "ab.yaml", "name=ab2", "seed=2"}).code, 0);
  ASSERT_EQ(run({"train", "ab.yaml", "name=ab3", "seed=3", "data.seed=1"}).code, 0);
  const Said seen = run({"evaluate", "runs/ab", "runs/ab2"});
  EXPECT_EQ(seen.code, 2);
  expect_has(seen.err, {"runs/ab2 was trained with seed 2", "test part that seed 1 sets aside"});
  EXPECT_EQ(run({"evaluate", "runs/ab", "runs/ab3"}).code, 0) << "one data.seed, one test part";
  EXPECT_EQ(run({"evaluate", "runs/ab", "runs/ab2", "--on", "ab/"}).code, 0) << "whoever asks for it by name";
  EXPECT_EQ(run({"train", "ab.yaml", "name=ab4", "teach.from=[runs/ab2]"}).code, 2) << "nor is a pupil";
  EXPECT_EQ(run({"train", "ab.yaml", "name=ab5", "seed=4", "data.seed=1", "teach.from=[runs/ab, runs/ab3]"}).code, 0);
}

TEST_F(Command, DataAugmentDrawsWhatTheNetworkIsGiven) {
  const Said said = run({"data", "augment", "tiny.yaml", "data.augment.rotate=30", "data.augment.mixup=0.4",
                         "--examples", "0,3,5", "--columns", "4", "--out", "changed.png"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"3 pictures as they are, then as epochs 1 to 3 see them: changed.png"});
  const Tensor sheet = data::decode_image(read_file(*home / "changed.png"), 0, "changed.png");
  EXPECT_EQ(sheet.shape(), Shape({2 + 3 * (56 + 2), 2 + 4 * (56 + 2), 1}));
  EXPECT_EQ(run({"data", "augment", "tiny.yaml", "data.augment.rotate=30"}).code, 0);
  EXPECT_TRUE(fs::exists(*home / "tiny-augment.png"));
  const Said far = run({"data", "augment", "tiny.yaml", "--examples", "99999"});
  EXPECT_EQ(far.code, 2);
  expect_has(far.err, {"example 99999 is not in the training part", "0 to 159"});
  const Said texts = run({"data", "augment", "sentiment"});
  EXPECT_EQ(texts.code, 2);
  expect_has(texts.err, {"draws pictures", "'sentiment' is for text_classification"});
}

TEST_F(Command, DataListAndShow) {
  expect_has(run({"data", "list", "--data", "d"}).out, {"builtin", "mnist", "data folder: d"});
  const json all = json::parse(run({"data", "list", "--json"}).out);
  EXPECT_TRUE(
      std::ranges::any_of(all, [](const json& e) { return e.at("name") == "builtin" && e.at("present") == true; }));
  EXPECT_TRUE(
      std::ranges::any_of(all, [](const json& e) { return e.at("name") == "mnist" && e.at("present") == false; }));
  home->write("two/a/1.png", png(8, 8)), home->write("two/b/1.png", png(8, 8)), home->write("two/b/2.png", png(8, 8));
  const Said show = run({"data", "show", "two/", "--out", "sheet.png"});
  ASSERT_EQ(show.code, 0) << show.err;
  expect_has(show.out, {"3 train", "8x8, 1 channel", "sheet.png"});
  EXPECT_GT(data::decode_image(read_file(*home / "sheet.png"), 1, "sheet").numel(), 3 * 64);
}

TEST_F(Command, RecipePrintsWhatItReads) {
  for (const auto& [name, text] : train::builtin_recipes()) {
    const Said first = run({"recipe", name});
    ASSERT_EQ(first.code, 0) << first.err;
    home->write("printed.yaml", first.out);
    EXPECT_EQ(run({"recipe", "printed.yaml"}).out, first.out);
  }
  EXPECT_EQ(run({"recipe", "tiny.yaml"}).out, run({"recipe", "runs/tiny/recipe.yaml"}).out);
  expect_has(run({"recipe", "tiny.yaml", "optimizer=sgd", "optimizer.lr=0.5"}).out, {"type: sgd, lr: 0.5"});
  expect_has(run({"recipe"}).out, {"digits\n"});
}

TEST_F(Command, HelpAndVersionAreNoErrors) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--help"}, {"--version"}, {"--help-all"}, {"train", "--help"}, {"data", "show", "--help"}}) {
    const Said said = run(arguments);
    EXPECT_EQ(said.code, 0) << arguments[0];
    EXPECT_EQ(said.err, "");
    EXPECT_NE(said.out, "");
  }
  expect_has(run({"--help"}).out,
             {"train", "evaluate", "predict", "explain", "inspect", "data", "recipe", "TANDEM_THREADS"});
}

TEST_F(Command, ThreadsDoNotChangeTheModel) {
  for (const char* count : {"1", "2"})
    ASSERT_EQ(run({"train", "tiny.yaml", "--threads", count, "--runs", std::string("threads") + count}).code, 0);
  EXPECT_EQ(read_file(*home / "threads1/tiny/model.safetensors"), read_file(*home / "threads2/tiny/model.safetensors"));
}

}  // namespace
}  // namespace tandem::testing
