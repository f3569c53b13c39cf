// The verb translate as people use it, and the other verbs on a translation.
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cli/program.h"
#include "tests/tasks/translation_small.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' not in:\n" << text;
}

/// A model that has learned nothing yet says something all the same.
tasks::Translator saved_model(const Folder& home) {
  tasks::TranslationModel model = tiny_translation_model(made_up_pairs(100, 1));
  model.save(home / "m.safetensors");
  return tasks::Translator(model);
}

TEST(TranslateVerb, TakesTextsFilesAndStandardInput) {
  const Folder home;
  const tasks::Translator translator = saved_model(home);
  const auto wanted = [&](const std::string& text, const tasks::BeamOptions& options = {}) {
    return translator.translate(text, options).text + "\n";
  };
  const std::string dog = "the dog sees a cat .", cow = "the old cow hears a bird .";
  Said said = tandem(home, {"translate", "m.safetensors", dog, cow});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out, wanted(dog) + wanted(cow));
  EXPECT_EQ(said.err, "");
  const fs::path file = home.write("in.txt", dog + "\r\n\n" + cow + "\n");
  const std::string lines = wanted(dog) + "\n" + wanted(cow);  // a line for each line
  EXPECT_EQ(tandem(home, {"translate", "m.safetensors", "in.txt"}).out, lines);
  EXPECT_EQ(tandem(home, {"translate", "m.safetensors", "-"}, {}, file).out, lines);
  EXPECT_EQ(tandem(home, {"translate", "m.safetensors", dog, "--beam", "1"}).out, wanted(dog, {.beam = 1}));
  EXPECT_EQ(tandem(home, {"translate", "m.safetensors", dog, "--length-penalty", "4"}).out,
            wanted(dog, {.length_penalty = 4}));
  said = tandem(home, {"translate", "m.safetensors", "in.txt", "--json"});
  std::istringstream rows(said.out);
  std::string row;
  std::getline(rows, row);
  const json first = json::parse(row);
  EXPECT_EQ(first.at("text"), dog);
  EXPECT_EQ(first.at("translation").get<std::string>() + "\n", wanted(dog));
  EXPECT_LT(first.at("score"), 0);
}

TEST(TranslateVerb, AnswersEachLineBeforeTheNextIsGiven) {
  const Folder home;
  const tasks::Translator translator = saved_model(home);
  const fs::path pipe = home / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  Program program(home.path(), {"translate", "m.safetensors", "-"}, {}, pipe);
  const int to = open(pipe.c_str(), O_WRONLY);
  ASSERT_GE(to, 0);
  std::string wanted;
  for (const std::string line : {"the dog sees a cat .", "the wet bird wants a cow ."}) {
    ASSERT_EQ(write(to, (line + "\n").data(), line.size() + 1), std::ssize(line) + 1);
    wanted += translator.translate(line).text + "\n";
    const auto said = [&] { return fs::exists(home / ".out") ? read_text(home / ".out") : std::string(); };
    for (int i = 0; i < 600 && said() != wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(said(), wanted);
  }
  close(to);
  EXPECT_EQ(program.wait().code, 0);
}

TEST(TranslateVerb, SaysWhatIsWrong) {
  const Folder home;
  (void)saved_model(home);
  const auto refused = [&](int code, std::vector<std::string> arguments, const std::vector<std::string>& parts,
                           const fs::path& input = "/dev/null") {
    arguments.insert(arguments.begin(), "translate");
    const Said said = tandem(home, arguments, {}, input);
    EXPECT_EQ(said.code, code) << said.err;
    EXPECT_EQ(said.lines().size(), 1U) << said.err;
    expect_has(said.err, parts);
  };
  refused(2, {"m.safetensors", ""}, {"the text given is empty", "nothing to translate"});
  refused(2, {"m.safetensors", " \t"}, {"the text given is empty"});
  refused(3, {"m.safetensors", "missing.txt"}, {"missing.txt", "does not exist"});
  refused(3, {"m.safetensors", "a\xff"}, {"the text given", "no UTF-8"});
  refused(3, {"m.safetensors", "-"}, {"standard input:2:1", "no UTF-8"}, home.write("bad", "dog\n\xff\n"));
  refused(3, {"m.safetensors", "bad.txt"}, {"bad.txt:2:1"}, home.write("bad.txt", "dog\n\xff\n"));
  refused(3, {"none", "dog"}, {"none"});
  refused(2, {"m.safetensors", "dog", "--beam", "0"}, {"--beam", "1"});
  refused(2, {"m.safetensors", "dog", "--length-penalty", "-1"}, {"--length-penalty"});
  refused(2, {"m.safetensors"}, {"inputs"});
  // Answers with a warning: what is unknown, and what is too long.
  Said said = tandem(home, {"translate", "m.safetensors", "你好 世界"});
  EXPECT_EQ(said.code, 0);
  EXPECT_EQ(said.lines().size(), 1U);
  expect_has(said.err, {"'你好 世界'", "4 of 4 tokens are unknown"});
  EXPECT_FALSE(said.out.empty());
  std::string text = "the dog";
  for (int i = 0; i < 30; ++i) text += " sees";
  said = tandem(home, {"translate", "m.safetensors", text});
  EXPECT_EQ(said.code, 0);
  expect_has(said.err, {"more than the 19 tokens this model reads", "its end is left away"});
  // Other verbs on such a model, and this one on others.
  for (const char* verb : {"predict", "generate"}) {
    said = tandem(home, verb == std::string("predict") ? std::vector<std::string>{verb, "m.safetensors", "dog"}
                                                       : std::vector<std::string>{verb, "m.safetensors"});
    EXPECT_EQ(said.code, 3);
    expect_has(said.err, {"translation"});
  }
}

TEST(TranslateVerb, StandsAtTheEndOfTraining) {
  const Folder home;
  const data::Pairs pairs = made_up_pairs(60, 1);
  std::string rows = "en\txx\n";
  for (size_t i = 0; i < pairs.source.size(); ++i) rows += pairs.source[i] + "\t" + pairs.target[i] + "\n";
  home.write("pairs.tsv", rows);
  home.write("made-up.yaml",
             std::string("name: made-up\ntask: translation\ndata: {source: pairs.tsv, from: en, to: xx, "
                         "text: {length: {most: 20}}}\ntranslation: {beam: 2}\nnetwork: ") +
                 tiny_translator + "\ntrain: {epochs: 2, batch: 8}\n");
  Said said = tandem(home, {"train", "made-up.yaml"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"BLEU", "BLEU lower case", "beam 2"});
  expect_has(said.err, {"tandem translate runs/made-up TEXT"});
  said = tandem(home, {"evaluate", "runs/made-up", "--json", "--require", "loss<=10", "--page", "p.html"});
  EXPECT_EQ(said.code, 0) << said.err;
  const json report = json::parse(read_text(home / "runs/made-up/report.json"));
  EXPECT_EQ(json::parse(said.out).at("bleu"), report.at("bleu"));
  EXPECT_EQ(json::parse(said.out).at("loss"), report.at("loss"));
  expect_has(read_text(home / "p.html"), {"</html>"});
  said = tandem(home, {"evaluate", "runs/made-up", "--on", "pairs.tsv", "--require", "bleu.lower>=99.9"});
  EXPECT_EQ(said.code, 4) << "the gate is missed";
  expect_has(said.out, {"pairs", "60"});
  expect_has(tandem(home, {"evaluate", "runs/made-up", "--require", "blue>=1"}).err, {"blue", "bleu"});
  expect_has(tandem(home, {"evaluate", "runs/made-up", "runs/made-up"}).err, {"is a translation"});
  said = tandem(home, {"inspect", "runs/made-up"});
  EXPECT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"decoder.2", "en to xx", "tokens known"});
  EXPECT_EQ(json::parse(tandem(home, {"inspect", "runs/made-up", "--json"}).out).at("from"), "en");
  expect_has(tandem(home, {"translate", "runs/made-up", "the dog sees a cat ."}).out, {"\n"});
}

}  // namespace
}  // namespace tandem::testing
