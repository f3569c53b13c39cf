// Checkpoints of GPT-2 and BERT in recipes, and in the program.
#include <tandem/adapt/checkpoint.h>
#include <tandem/adapt/peft.h>
#include <tandem/nn/weights.h>
#include <tandem/train/run.h>

#include <cmath>
#include <cstring>

#include "tests/adapt/checkpoint_numbers.h"
#include "tests/cli/program.h"

namespace tandem::testing {
namespace {

using adapt::Checkpoint;

std::string reviews() {
  std::string out = "text,label\n";
  for (int i = 0; i < 12; ++i) out += i % 2 ? "\"the dog learns, 我们\",good\n" : "\"networks forget the fox 😀\",bad\n";
  return out;
}

TEST(Checkpoint, ARecipeStartsFromIt) {
  const Folder home;
  const fs::path csv = home.write("reviews.csv", reviews());
  const auto recipe_of = [&](const std::string& from, const std::string& more) {
    return train::Recipe::read(Config::parse("name: on\ntask: text_classification\nstart_from: " + from +
                                                 "\ndata: {source: " + csv.string() +
                                                 ", validation: 0.25, test_share: 0.25}\ntrain: {epochs: 8, batch: "
                                                 "4}\noptimizer: {type: adamw, lr: 3e-3}\n" +
                                                 more,
                                             "on.yaml"));
  };
  const CheckpointCopy encoder("bert");
  encoder.set("architectures", {"BertModel"});
  const auto train_it = [&](train::Recipe recipe) {
    const train::RunFolder folder = train::RunFolder::create(home / "runs", "on");
    (void)train::run(recipe, folder, home.path(), "x", false, {});
    return tasks::Classifier::load(folder.model());
  };
  tasks::Classifier tuned = train_it(recipe_of(encoder.folder.string(), "adapt: {head: [linear: classes]}\n"));
  EXPECT_EQ(std::get<tasks::TextInput>(tuned.input).length.most, 40) << "no more tokens than there are positions";
  data::Dataset set;
  set.classes = tuned.classes;
  set.labels = {0, 1};
  set.inputs = data::Texts{"networks forget the fox 😀", "the dog learns, 我们"};
  const std::vector<float> p = tuned.predict(set);
  EXPECT_EQ(tuned.classes, (std::vector<std::string>{"bad", "good"}));
  EXPECT_GT(p[0], 0.7F);
  EXPECT_GT(p[3], 0.7F);
  // A head is needed, and a language model may be the base as well.
  expect_error(ErrorKind::usage, {"adapt.head", "no answer", "head: [linear: classes]"},
               [&] { (void)train_it(recipe_of(encoder.folder.string(), "")); });
  const tasks::Classifier reader =
      train_it(recipe_of((checkpoints() / "gpt2").string(),
                         "adapt: {head: [pool_sequence: last, linear: classes], freeze: ['0.*', '3.*']}\n"));
  const Checkpoint gpt2 = Checkpoint::load(checkpoints() / "gpt2");
  const auto moved = [&](const char* name) {
    const auto find = [&](nn::Sequential net) {
      for (const auto& [own, tensor] : nn::named(net))
        if (own == name) return tensor;
      return Tensor{};
    };
    const Tensor before = find(gpt2.net), after = find(reader.net);
    return std::memcmp(before.bytes(), after.bytes(), before.byte_count()) != 0;
  };
  EXPECT_FALSE(moved("0.weight"));
  EXPECT_FALSE(moved("3.layers.0.linear1.weight"));
  EXPECT_TRUE(moved("1.weight"));
}

TEST(Checkpoint, AnAdapterOfItGoesOnTheImportedModel) {
  const Folder home;
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "the dog learns, 我们 learn\n\n  the end\n";
  const fs::path text = home.write("text.txt", lines);
  const auto recipe_of = [&](const std::string& from) {
    return train::Recipe::read(
        Config::parse("name: on\ntask: language_model\nstart_from: " + from + "\ndata: {source: " + text.string() +
                          ", validation: 0.2, test_share: 0}\nlanguage: {context: 16, prompts: []}\n"
                          "adapt: {lora: {rank: 2, layers: [transformer]}}\n"
                          "train: {epochs: 1, batch: 4}\n",
                      "on.yaml"));
  };
  train::Recipe recipe = recipe_of((checkpoints() / "gpt2").string());
  const train::RunFolder folder = train::RunFolder::create(home / "runs", "on");
  (void)train::run(recipe, folder, home.path(), "x", false, {});
  Checkpoint::load(checkpoints() / "gpt2").language_model().save(home / "gpt2.safetensors");
  const tasks::LanguageModel put = adapt::load_adapted(home / "gpt2.safetensors", folder.path / "adapter");
  const tasks::LanguageModel whole = tasks::LanguageModel::load(folder.model());
  const Tensor ids = expected("gpt2.ids", 0), scores = passed(put.net, ids);
  expect_near(scores, passed(whole.net, ids), "adapter");
  double most = 0;
  for (int64_t i = 0; i < scores.numel(); ++i)
    most = std::max(most, std::abs(scores.at(i) - expected("gpt2.scores", 0).at(i)));
  EXPECT_GT(most, 1e-3) << "it has learned something";

  const CheckpointCopy encoder("bert");
  encoder.set("architectures", {"BertModel"});
  train::Recipe wrong = recipe_of(encoder.folder.string());
  expect_error(ErrorKind::data, {"'text_encoder', expected language_model"},
               [&] { (void)train::run(wrong, folder, home.path(), "x", false, {}); });
}

TEST(Checkpoint, TheProgramImportsWritesAndAnswers) {
  const Folder home;
  const auto run = [&](const std::vector<std::string>& words) { return Program(home.path(), words).wait(); };
  const std::string gpt2 = (checkpoints() / "gpt2").string(), bert = (checkpoints() / "bert").string();
  EXPECT_EQ(run({"import", gpt2, "gpt2.safetensors"}).code, 0);
  const Said written = run({"generate", "gpt2.safetensors", "--prompt", "don't forget\nthe end", "--tokens", "16",
                            "--temperature", "0", "--json"});
  ASSERT_EQ(written.code, 0) << written.err;
  const auto tokenizer = Checkpoint::load(gpt2).tokenizer;
  EXPECT_EQ(nlohmann::json::parse(written.out).at(0).at("text"),
            tokenizer.decode(list_of(expected("gpt2.written", 1))));
  EXPECT_EQ(run({"import", bert, "bert.safetensors"}).code, 0);
  const Said answer = run({"predict", "bert.safetensors", "The networks don't LEARN, café!", "--json"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_NE(answer.out.find("praise"), std::string::npos);
  EXPECT_EQ(run({"explain", "bert.safetensors", "The networks don't LEARN", "--json"}).code, 0);
  EXPECT_EQ(run({"inspect", "bert.safetensors"}).code, 0);
  const CheckpointCopy encoder("bert");
  encoder.set("architectures", {"BertModel"});
  const Said none = run({"import", encoder.folder.string(), "x.safetensors"});
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("start_from"), std::string::npos);
  EXPECT_EQ(run({"import", "nowhere", "x.safetensors"}).code, 3);
}

}  // namespace
}  // namespace tandem::testing
