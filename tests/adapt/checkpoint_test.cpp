// Checkpoints of GPT-2 and BERT: the numbers that transformers gives, what becomes of them, and what is refused.
#include <tandem/adapt/base.h>
#include <tandem/adapt/checkpoint.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/loss.h>
#include <tandem/tasks/generation.h>

#include <cmath>

#include "tests/adapt/checkpoint_numbers.h"

namespace tandem::testing {
namespace {

using adapt::Base;
using adapt::Checkpoint;

TEST(Checkpoint, Gpt2GivesTheSameNumbers) {
  const Checkpoint read = Checkpoint::load(checkpoints() / "gpt2");
  EXPECT_EQ(read.task, "language_model");
  EXPECT_EQ(read.context, 48);
  EXPECT_TRUE(read.left_out.empty());
  const tasks::LanguageModel model = read.language_model();
  for (int i = 0; i < 2; ++i) {
    const Tensor ids = expected("gpt2.ids", i), scores = passed(model.net, ids);
    expect_near(scores, expected("gpt2.scores", i), "scores");
    const std::vector<int32_t> all = list_of(ids);
    const Tensor next = Tensor::from(std::span(all).subspan(1), {std::ssize(all) - 1});
    expect_near(cross_entropy(scores.rows(0, std::ssize(all) - 1), next), expected("gpt2.loss", i), "loss");
    const tasks::Generated written =
        tasks::generate(model, model.tokenizer.decode(all), {.tokens = 16, .temperature = 0});
    EXPECT_EQ(written.text, model.tokenizer.decode(list_of(expected("gpt2.written", i))));
    EXPECT_EQ(written.prompt_tokens, std::ssize(all));
  }
}

TEST(Checkpoint, BertGivesTheSameNumbers) {
  const Checkpoint read = Checkpoint::load(checkpoints() / "bert");
  EXPECT_EQ(read.task, "text_classification");
  EXPECT_EQ(read.classes, (std::vector<std::string>{"praise", "blame", "question"}));
  EXPECT_EQ(read.context, 40);
  for (int i = 0; i < 2; ++i) {
    const Tensor ids = expected("bert.ids", i);
    expect_near(passed(read.net, ids, 5), expected("bert.hidden", i), "hidden");
    expect_near(passed(read.net, ids, 8), expected("bert.pooled", i), "pooled");
    expect_near(passed(read.net, ids), expected("bert.scores", i), "scores");
  }
  tasks::Classifier model = read.classifier();
  data::Dataset set;
  set.classes = model.classes;
  set.labels = {0};
  set.inputs = data::Texts{"The networks don't LEARN, café!"};
  const std::vector<float> p = model.predict(set);
  const Tensor scores = expected("bert.scores", 0);
  double total = 0;
  for (int64_t c = 0; c < 3; ++c) total += std::exp(scores.at(c));
  for (int64_t c = 0; c < 3; ++c)
    EXPECT_NEAR(p[static_cast<size_t>(c)], std::exp(scores.at(c)) / total, 1e-4) << "from text to answer";
}

TEST(Checkpoint, WordsAreLeftOutButNotTheEnds) {
  const tasks::Classifier model = Checkpoint::load(checkpoints() / "bert").classifier();
  data::Dataset set;
  set.classes = model.classes;
  set.labels = {0};
  set.inputs = data::Texts{"the networks don't learn"};
  const std::vector<int64_t> one{0};
  const auto ids_with = [&](double words) {
    return list_of(tasks::batch_of(model.input, set, one, {.words = words}, Rng(1, "a")).x);
  };
  const auto all = ids_with(0), some = ids_with(0.95);
  EXPECT_LT(some.size(), all.size());
  EXPECT_EQ(some.front(), all.front());
  EXPECT_EQ(some.back(), all.back());
}

TEST(Checkpoint, OtherSpellingsOfTheSameNumbers) {
  {
    const CheckpointCopy bare("gpt2");  // a base network without head, with the masks that older programs kept
    bare.change_tensors([](TensorFile& file) {
      for (auto& [name, tensor] : file.tensors)
        if (name.starts_with("transformer.")) name.erase(0, 12);
      file.tensors.emplace_back("h.0.attn.bias", Tensor::zeros({1, 1, 48, 48}, DType::u8));
      file.tensors.emplace_back("h.1.attn.masked_bias", Tensor::zeros({1}));
    });
    const Checkpoint read = Checkpoint::load(bare.folder);
    expect_near(passed(read.net, expected("gpt2.ids", 0)), expected("gpt2.scores", 0), "without prefix");
    EXPECT_TRUE(read.left_out.empty());
  }
  {
    const CheckpointCopy untied("gpt2");
    untied.set("tie_word_embeddings", false);
    untied.change_tensors([](TensorFile& file) {
      const Tensor table = file.find("transformer.wte.weight");
      file.tensors.emplace_back("lm_head.weight", (table.to(DType::f64)).clone());
      for (double& v : file.tensors.back().second.data<double>()) v *= 2;
    });
    Tensor doubled = expected("gpt2.scores", 0).clone();
    for (float& v : doubled.data<float>()) v *= 2;
    expect_near(passed(Checkpoint::load(untied.folder).net, expected("gpt2.ids", 0)), doubled, "a head of its own");
  }
  {
    const CheckpointCopy old("bert");
    old.change_tensors([](TensorFile& file) {
      for (auto& [name, tensor] : file.tensors) {
        if (const size_t at = name.find("LayerNorm.weight"); at != std::string::npos)
          name.replace(at, 16, "LayerNorm.gamma");
        if (const size_t at = name.find("LayerNorm.bias"); at != std::string::npos)
          name.replace(at, 14, "LayerNorm.beta");
      }
      file.tensors.emplace_back("bert.embeddings.position_ids", Tensor::zeros({1, 40}, DType::i64));
    });
    expect_near(passed(Checkpoint::load(old.folder).net, expected("bert.ids", 0)), expected("bert.scores", 0), "gamma");
  }
  {
    const CheckpointCopy parts("gpt2");
    const TensorFile whole = read_safetensors(parts.folder / "model.safetensors");
    TensorFile files[2];
    nlohmann::json index;
    for (size_t i = 0; i < whole.tensors.size(); ++i) {
      files[i % 2].tensors.push_back(whole.tensors[i]);
      index["weight_map"][whole.tensors[i].first] = i % 2 ? "two.safetensors" : "one.safetensors";
    }
    fs::remove(parts.folder / "model.safetensors");
    write_safetensors(parts.folder / "one.safetensors", files[0]);
    write_safetensors(parts.folder / "two.safetensors", files[1]);
    write_text(parts.folder / "model.safetensors.index.json", index.dump());
    expect_near(passed(Checkpoint::load(parts.folder).net, expected("gpt2.ids", 0)), expected("gpt2.scores", 0),
                "files");
    index["weight_map"]["x"] = "../two.safetensors";
    write_text(parts.folder / "model.safetensors.index.json", index.dump());
    expect_error(ErrorKind::data, {"index.json", "'../two.safetensors'", "its own folder"},
                 [&] { (void)Checkpoint::load(parts.folder); });
    write_text(parts.folder / "model.safetensors.index.json", "{}");
    expect_error(ErrorKind::data, {"index.json", "which tensor is in which file"},
                 [&] { (void)Checkpoint::load(parts.folder); });
  }
}

TEST(Checkpoint, SettingsThatAreLeftOutAreTheUsualOnes) {
  const CheckpointCopy bert("bert");
  bert.set("type_vocab_size", nullptr);
  bert.set("id2label", nullptr);
  bert.set("num_labels", 3);
  const Checkpoint read = Checkpoint::load(bert.folder);
  EXPECT_EQ(read.classes, (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  expect_near(passed(read.net, expected("bert.ids", 0)), expected("bert.scores", 0), "usual");
  bert.set("num_labels", nullptr);
  expect_error(ErrorKind::data, {"'classifier.weight' has shape (3, 32), expected (2, 32)"},
               [&] { (void)Checkpoint::load(bert.folder); });

  const CheckpointCopy gpt2("gpt2");  // its hidden layers are smaller than usual
  gpt2.set("n_inner", nullptr);
  expect_error(ErrorKind::data, {"'transformer.h.0.mlp.c_fc.weight' has shape (32, 64), expected (32, 128)"},
               [&] { (void)Checkpoint::load(gpt2.folder); });
}

TEST(Checkpoint, ATiedHeadIsTheTable) {
  const CheckpointCopy copy("gpt2");
  copy.change_tensors([](TensorFile& file) {
    file.tensors.emplace_back("lm_head.weight", Tensor::zeros(file.find("transformer.wte.weight").shape()));
  });
  for (const nlohmann::json& said : {nlohmann::json(true), nlohmann::json()}) {
    copy.set("tie_word_embeddings", said);
    const Checkpoint read = Checkpoint::load(copy.folder);
    expect_near(passed(read.net, expected("gpt2.ids", 0)), expected("gpt2.scores", 0), said.dump());
    EXPECT_EQ(read.net.layers().back()->kind(), "tied_head");
  }
  copy.set("tie_word_embeddings", false);
  copy.change_tensors([](TensorFile& file) {
    std::erase_if(file.tensors, [](const auto& t) { return t.first == "transformer.wte.weight"; });
  });
  expect_error(ErrorKind::data, {"'transformer.wte.weight' of shape (327, 32) is missing"},
               [&] { (void)Checkpoint::load(copy.folder); });
}

TEST(Checkpoint, OnlyAFolderWithSettingsIsOne) {
  const Folder home;
  EXPECT_TRUE(Checkpoint::is_at(checkpoints() / "bert"));
  EXPECT_FALSE(Checkpoint::is_at(home.path()));
  EXPECT_FALSE(Checkpoint::is_at(home / "nowhere"));
  EXPECT_FALSE(Checkpoint::is_at(home.write("config.json", "{}")));
  EXPECT_TRUE(Checkpoint::is_at(home.path()));
}

TEST(Checkpoint, ABertOfAnotherTaskIsAnEncoder) {
  for (const auto& [key, value] :
       {std::pair<std::string, nlohmann::json>{"architectures", {"BertForTokenClassification"}},
        {"problem_type", "regression"},
        {"id2label", {{"0", "only"}}}}) {
    const CheckpointCopy copy("bert");
    copy.set(key, value);
    const Checkpoint read = Checkpoint::load(copy.folder);
    EXPECT_EQ(read.task, "text_encoder");
    EXPECT_EQ(read.left_out, (std::vector<std::string>{"classifier.bias", "classifier.weight"}));
    expect_near(passed(read.net, expected("bert.ids", 0)), expected("bert.pooled", 0), "pooled");
    expect_error(ErrorKind::usage, {"no answer", "start_from"}, [&] { (void)read.classifier(); });
    expect_error(ErrorKind::usage, {"'text_encoder', expected language_model"}, [&] { (void)read.language_model(); });
    EXPECT_EQ(Base::load(copy.folder).head(), read.net.layers().size());
  }
  for (const char* architectures : {"null", "[]", "[3]", "\"BertForSequenceClassification\""}) {
    const CheckpointCopy copy("bert");
    copy.set("architectures", nlohmann::json::parse(architectures));
    EXPECT_EQ(Checkpoint::load(copy.folder).task, "text_encoder") << architectures;
  }
  const CheckpointCopy bare("bert");  // neither head nor pooler: the vector of [CLS] alone
  bare.set("architectures", {"BertForMaskedLM"});
  bare.change_tensors([](TensorFile& file) {
    std::erase_if(file.tensors,
                  [](const auto& t) { return t.first.starts_with("bert.pooler") || t.first.starts_with("class"); });
    file.tensors.emplace_back("cls.predictions.bias", Tensor::zeros({3}));
  });
  const Checkpoint read = Checkpoint::load(bare.folder);
  EXPECT_EQ(read.left_out, (std::vector<std::string>{"cls.predictions.bias"}));
  expect_near(passed(read.net, expected("bert.ids", 1)), expected("bert.hidden", 1).rows(0, 1), "[CLS]");
}

TEST(Checkpoint, SavedAsAModelItIsTheSame) {
  const Folder home;
  const Checkpoint gpt2 = Checkpoint::load(checkpoints() / "gpt2"), bert = Checkpoint::load(checkpoints() / "bert");
  gpt2.language_model().save(home / "gpt2.safetensors");
  bert.classifier().save(home / "bert.safetensors");
  const tasks::LanguageModel writer = tasks::LanguageModel::load(home / "gpt2.safetensors");
  expect_near(passed(writer.net, expected("gpt2.ids", 1)), expected("gpt2.scores", 1), "saved");
  EXPECT_EQ(writer.reading.context, 48);
  const tasks::Classifier judge = tasks::Classifier::load(home / "bert.safetensors");
  expect_near(passed(judge.net, expected("bert.ids", 1)), expected("bert.scores", 1), "saved");
  EXPECT_EQ(std::get<tasks::TextInput>(judge.input).length.most, 40);
  EXPECT_EQ(std::get<tasks::TextInput>(judge.input).tokenizer.encode("The networks don't LEARN, café!"),
            list_of(expected("bert.ids", 0)));
  // An adapter learned on one goes on the other.
  EXPECT_EQ(Base::load(checkpoints() / "gpt2").fingerprint(), Base::load(home / "gpt2.safetensors").fingerprint());
}

TEST(Checkpoint, ATextEndsWhereTheNetworkEndsIt) {
  tasks::LanguageModel model = Checkpoint::load(checkpoints() / "gpt2").language_model();
  const int32_t end = model.tokenizer.special().text_end;
  // A head that always prefers the end of a text.
  model.net = nn::Sequential::read(Config::parse("[embedding: 2, linear: classes]", "net"));
  model.build(Rng(1, "net"));
  for (auto& [name, tensor] : nn::named(model.net))
    if (name == "1.bias") tensor.data<float>()[static_cast<size_t>(end)] = 1000;
  const tasks::Generated none = tasks::generate(model, "the", {.tokens = 5});
  EXPECT_EQ(none.text, "");
  EXPECT_EQ(none.tokens, 0);
  EXPECT_TRUE(none.stopped);
  // One that writes half of a character, and again: what was given away piece by piece is the text.
  const std::vector<int32_t> han = model.tokenizer.encode("龍");
  for (auto& [name, tensor] : nn::named(model.net))
    if (name == "1.bias") {
      tensor.data<float>()[static_cast<size_t>(end)] = 0;
      tensor.data<float>()[static_cast<size_t>(han.front())] = 1000;
    }
  std::string shown;
  const tasks::Generated halves = tasks::generate(model, "", {.tokens = 3}, [&](const std::string& piece) {
    shown += piece;
    return true;
  });
  EXPECT_EQ(halves.text, "\ufffd\ufffd\ufffd");
  EXPECT_EQ(shown, halves.text);
  EXPECT_EQ(halves.prompt_tokens, 1) << "nothing to go on with: the end of the text before";
}

TEST(Checkpoint, RefusesWhatItCannotRead) {
  const auto refused = [](const char* family, const std::vector<std::string>& parts, const auto& spoil) {
    const CheckpointCopy copy(family);
    spoil(copy);
    expect_error(ErrorKind::data, parts, [&] { (void)Checkpoint::load(copy.folder); });
  };
  const auto set = [](const char* key, const nlohmann::json& value) {
    return [=](const CheckpointCopy& copy) { copy.set(key, value); };
  };
  const auto tensors = [](const std::function<void(TensorFile&)>& change) {
    return [=](const CheckpointCopy& copy) { copy.change_tensors(change); };
  };
  const auto replaced = [&](const std::string& name, const Tensor& value) {
    return tensors([=](TensorFile& file) {
      std::erase_if(file.tensors, [&](const auto& t) { return t.first == name; });
      if (value.defined()) file.tensors.emplace_back(name, value);
    });
  };
  // Tensors.
  refused("gpt2", {"'transformer.h.1.attn.c_attn.weight' of shape (32, 96) is missing"},
          replaced("transformer.h.1.attn.c_attn.weight", {}));
  refused("gpt2", {"'transformer.h.0.mlp.c_fc.weight' has shape (64, 32), expected (32, 64)"},
          replaced("transformer.h.0.mlp.c_fc.weight", Tensor::zeros({64, 32})));
  refused("gpt2", {"'transformer.h.2.ln_1.weight' of shape (32) belongs to no part of a GPT-2 of 2 layers"},
          replaced("transformer.h.2.ln_1.weight", Tensor::zeros({32})));
  refused("gpt2", {"'transformer.wte.weight' holds", "expected floating-point numbers"}, tensors([](TensorFile& file) {
            for (auto& [name, tensor] : file.tensors)
              if (name == "transformer.wte.weight") tensor = Tensor::zeros(tensor.shape(), DType::u8);
          }));
  refused("gpt2", {"'wpe.weight' is there twice"}, [&](const auto& copy) {
    copy.change_tensors([](TensorFile& file) { file.tensors.emplace_back("wpe.weight", Tensor::zeros({48, 32})); });
  });
  refused("bert", {"'bert.encoder.layer.0.attention.self.key.weight' of shape (32, 32) is missing"},
          replaced("bert.encoder.layer.0.attention.self.key.weight", {}));
  refused("bert", {"'bert.embeddings.token_type_embeddings.weight' has shape (3, 32), expected (2, 32)"},
          replaced("bert.embeddings.token_type_embeddings.weight", Tensor::zeros({3, 32})));
  refused("bert", {"'classifier.weight' has shape (2, 32), expected (3, 32)"},
          replaced("classifier.weight", Tensor::zeros({2, 32})));
  refused("bert", {"'bert.extra' of shape (1) belongs to no part of a BERT of 2 layers"},
          replaced("bert.extra", Tensor::zeros({1})));
  // config.json.
  refused("gpt2", {"config.json", "model_type is 'llama', expected one of those that are read: gpt2, bert"},
          set("model_type", "llama"));
  refused("gpt2", {"config.json", "is no JSON"}, [](const auto& c) { write_text(c.folder / "config.json", "{"); });
  refused("gpt2", {"is no JSON object"}, [](const auto& c) { write_text(c.folder / "config.json", "3"); });
  refused("gpt2", {"n_embd is missing, expected a whole number"}, set("n_embd", nullptr));
  refused("gpt2", {"n_layer is -2, expected a whole number"}, set("n_layer", -2));
  refused("gpt2", {"n_layer is 1000000001, expected a whole number from 1 to 1,000,000,000"},
          set("n_layer", 1'000'000'001));
  refused("gpt2", {"n_layer is 1.5, expected a whole number"}, set("n_layer", 1.5));
  refused("gpt2", {"n_head is \"four\", expected a whole number"}, set("n_head", "four"));
  refused("gpt2", {"a network that cannot be", "5 heads"}, set("n_head", 5));
  refused("gpt2", {"a network that cannot be", "numbers"}, set("n_positions", 9'000'000));
  refused("gpt2", {"a network that cannot be"}, set("resid_pdrop", 2));
  refused("gpt2", {"layer_norm_epsilon is \"x\", expected a number"}, set("layer_norm_epsilon", "x"));
  refused("gpt2", {"activation_function is \"swish\", expected gelu"}, set("activation_function", "swish"));
  refused("gpt2", {"activation_function is 3, expected a word"}, set("activation_function", 3));
  refused("gpt2", {"scale_attn_by_inverse_layer_idx is true, expected false"},
          set("scale_attn_by_inverse_layer_idx", true));
  refused("bert", {"position_embedding_type is \"relative_key\", expected \"absolute\""},
          set("position_embedding_type", "relative_key"));
  refused("bert", {"id2label has 2 classes and none with the id \"1\""}, set("id2label", {{"0", "a"}, {"7", "b"}}));
  refused("bert", {"id2label is no object"}, set("id2label", {"a", "b"}));
  refused("bert", {"id2label has 2 classes and none with the id \"1\""}, set("id2label", {{"0", "a"}, {"1", 3}}));
  refused("bert", {"id2label is no object of classes and their names, or has more than 1000000"}, [](const auto& c) {
    c.set("id2label", nullptr);
    c.set("num_labels", 1'000'001);
  });
  // A tokenizer of another network.
  refused("gpt2", {"vocab_size is 300, the tokenizer beside it has"}, set("vocab_size", 300));
  refused("bert", {"vocab_size is 9, the tokenizer beside it has"}, set("vocab_size", 9));
  const CheckpointCopy empty("gpt2", {"model.safetensors"});
  expect_error(ErrorKind::file, {"model.safetensors"}, [&] { (void)Checkpoint::load(empty.folder); });
  expect_error(ErrorKind::file, {"config.json"}, [&] { (void)Checkpoint::load(empty.home.path()); });
}

}  // namespace
}  // namespace tandem::testing
