// Batches, queues, late requests, and models that take each other's place.
#include <tandem/deploy/models.h>

#include <cmath>
#include <future>

#include "tests/deploy/serving.h"

namespace tandem::testing {
namespace {

using deploy::Batcher;
using deploy::ModelSource;

struct Batches : ::testing::Test {
  Folder folder;
  deploy::Metrics metrics;
  std::shared_ptr<const deploy::ServedModel> model;
  void SetUp() override {
    small_model(1).save(folder / "a.safetensors");
    model = deploy::ServedModel::load(folder / "a.safetensors", "a", "");
  }
  struct Outcome {
    Batcher::Outcome outcome;
    deploy::Answer answer;
  };
  // A job, and what it will be answered.
  std::pair<Batcher::Job, std::future<Outcome>> job(int64_t examples = 1, uint8_t first = 0) const {
    const auto promise = std::make_shared<std::promise<Outcome>>();
    Batcher::Job out;
    out.model = model;
    deploy::Pixels pixels;
    for (int64_t i = 0; i < examples; ++i)
      for (const char c : small_picture(static_cast<uint8_t>(first + i)))
        pixels.push_back(static_cast<float>(static_cast<uint8_t>(c)));
    out.examples = {examples, std::move(pixels)};
    out.done = [promise](Batcher::Outcome outcome, deploy::Answer answer) {
      promise->set_value({outcome, std::move(answer)});
    };
    return {std::move(out), promise->get_future()};
  }
};

TEST_F(Batches, WhatWaitsIsAnsweredTogetherAndRight) {
  deploy::BatchOptions options;
  options.most = 8;
  options.delay = std::chrono::seconds(5);  // a full batch does not wait for it
  Batcher batcher(options, metrics);
  std::vector<std::future<Outcome>> answers;
  for (int i = 0; i < 8; ++i) {
    auto [asked, answer] = job(1, static_cast<uint8_t>(20 * i));
    ASSERT_TRUE(batcher.submit(asked));
    answers.push_back(std::move(answer));
  }
  for (int i = 0; i < 8; ++i) {
    const Outcome got = answers[static_cast<size_t>(i)].get();
    EXPECT_EQ(got.outcome, Batcher::Outcome::answered);
    EXPECT_TRUE(
        same_answer(got.answer.probabilities, offline(small_model(1), small_picture(static_cast<uint8_t>(20 * i)))));
  }
  EXPECT_EQ(metrics.model("a", "1").batches, 1);
  EXPECT_EQ(metrics.model("a", "1").examples, 8);
}

TEST_F(Batches, ALargeRequestIsABatchOfItsOwn) {
  deploy::BatchOptions options;
  options.most = 4;
  Batcher batcher(options, metrics);
  auto [asked, answer] = job(300);  // more than is computed at once
  ASSERT_TRUE(batcher.submit(asked));
  const Outcome got = answer.get();
  ASSERT_EQ(got.answer.probabilities.size(), 900u);
  const auto last = offline(small_model(1), small_picture(static_cast<uint8_t>(299)));
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(got.answer.probabilities[897 + c], last[c], 1e-6);
}

TEST_F(Batches, AFullQueueRefusesAndLateOnesAreNotComputed) {
  deploy::BatchOptions options;
  options.queue = 3;
  options.most = 100;
  options.delay = std::chrono::milliseconds(200);
  options.patience = std::chrono::milliseconds(50);
  Batcher batcher(options, metrics);
  auto [first, late] = job(3);
  ASSERT_TRUE(batcher.submit(first));
  EXPECT_EQ(batcher.waiting(), 3);
  auto [second, never] = job();
  EXPECT_FALSE(batcher.submit(second));
  EXPECT_TRUE(second.model) << "a refused job is untouched";
  EXPECT_EQ(late.get().outcome, Batcher::Outcome::late);
  EXPECT_EQ(metrics.model("a", "1").batches, 0);
  batcher.stop();
  EXPECT_FALSE(batcher.submit(second));
}

TEST_F(Batches, StoppingAnswersWhatWaits) {
  deploy::BatchOptions options;
  options.delay = std::chrono::seconds(60);
  Batcher batcher(options, metrics);
  auto [asked, answer] = job();
  ASSERT_TRUE(batcher.submit(asked));
  batcher.stop();
  EXPECT_EQ(answer.get().outcome, Batcher::Outcome::answered);
}

TEST_F(Batches, SourcesAreNamed) {
  make_folder(folder / "runs/digits-2");
  folder.write("runs/digits-2/model.safetensors", "");
  const auto check = [](const std::string& text, const std::string& name, const std::string& version) {
    const auto s = ModelSource::parse(text);
    EXPECT_EQ(s.name, name) << text;
    EXPECT_EQ(s.version, version) << text;
  };
  const std::string run = (folder / "runs/digits-2").string();
  check(run, "digits-2", "");
  check(run + "/", "digits-2", "");
  check(run + "/model.safetensors", "digits-2", "");
  check("best.safetensors", "best", "");
  check("a=" + run, "a", "");
  check("a:1.5=" + run, "a", "1.5");
  for (const char* bad : {"=x", "a:=x", "a b=x", "a/b=x", "/", "a:b:c=x", "a=", ""})
    expect_error(ErrorKind::usage, {"NAME=RUN"}, [&] { (void)ModelSource::parse(bad); });
}

TEST_F(Batches, ModelsAreFoundByNameAndVersion) {
  small_model(2).save(folder / "b.safetensors");
  const fs::path a = folder / "a.safetensors", b = folder / "b.safetensors";
  deploy::Models models({{"m", "", a}, {"m", "7", b}, {"n", "", b}}, {}, metrics);
  EXPECT_EQ(models.find("m", "").model->digest(), model->digest()) << "the first of a name is the usual one";
  EXPECT_EQ(models.find("m", "7").model->digest(), models.find("n", "1").model->digest());
  EXPECT_FALSE(models.find("m", "2"));
  EXPECT_FALSE(models.find("x", ""));
  EXPECT_EQ(models.all().size(), 3u);
  expect_error(ErrorKind::usage, {"m version 1", "NAME:VERSION=RUN"}, [&] {
    deploy::Models({{"m", "", a}, {"m", "", b}}, {}, metrics);
  });
  expect_error(ErrorKind::file, {"gone"}, [&] { deploy::Models({{"m", "", "gone.safetensors"}}, {}, metrics); });
}

TEST_F(Batches, AModelTakesAnothersPlaceOnlyWhenItIsGood) {
  const fs::path file = folder / "a.safetensors";
  deploy::Models models({{"m", "", file}}, {}, metrics);
  const auto before = models.find("m", "").model;
  EXPECT_EQ(models.reload("m"), 0) << "nothing changed";
  const auto refused = [&](const std::vector<std::string>& parts) {
    expect_error(ErrorKind::data, parts, [&] { models.reload(""); });
    EXPECT_EQ(models.find("m", "").model, before);
  };
  folder.write("a.safetensors", "no model");
  refused({"a.safetensors"});
  small_model(2, 8).save(file);
  refused({"takes other pictures"});
  small_text_model(1).save(file);
  refused({"takes other pictures"});
  tasks::Classifier sick = small_model(2);
  sick.net.visit("", [](const std::string&, Tensor& t, bool) { t.data<float>()[0] = NAN; });
  sick.save(file);
  refused({"does not answer a grey picture"});
  EXPECT_EQ(metrics.model("m", "1").failed_reloads, 4);

  small_model(2).save(file);
  EXPECT_EQ(models.reload("other"), 0);
  EXPECT_EQ(models.reload("m"), 1);
  EXPECT_NE(models.find("m", "").model->digest(), before->digest());
  EXPECT_EQ(metrics.model("m", "1").reloads, 1);
}

}  // namespace
}  // namespace tandem::testing
