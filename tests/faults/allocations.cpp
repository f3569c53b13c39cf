// No memory: each allocation of loading, a training step, saving and serving fails once, one after another. Every time
// there is an error and everything else stays whole. A program of its own, since it has its own operator new.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <tandem/adapt/peft.h>

#include "tests/deploy/serving.h"
#include "tests/train/courses.h"

namespace {

std::atomic<int64_t> until_failure = -1;  // allocations until one fails; below 0: none does

bool fails() {
  if (until_failure.load(std::memory_order_relaxed) < 0) return false;
  return until_failure.fetch_sub(1, std::memory_order_relaxed) == 0;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (fails()) return nullptr;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes == 0 ? 1 : bytes);
  void* out = nullptr;
  return posix_memalign(&out, alignment, bytes == 0 ? 1 : bytes) == 0 ? out : nullptr;
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t n) { return or_throw(allocate(n, 1)); }
void* operator new[](std::size_t n) { return or_throw(allocate(n, 1)); }
void* operator new(std::size_t n, std::align_val_t a) { return or_throw(allocate(n, static_cast<std::size_t>(a))); }
void* operator new[](std::size_t n, std::align_val_t a) { return or_throw(allocate(n, static_cast<std::size_t>(a))); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 1); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 1); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

/// The pool of base/memory takes its blocks so.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return allocate(bytes, alignment); }

namespace tandem::testing {
namespace {

/// Fails the k-th allocation of `act`, for k = 0, 1, … until it needs fewer; in the short test one of `stride`. `whole`
/// is asked after each.
void fail_each(const std::string& what, const std::function<void()>& act, const std::function<void()>& whole,
               int64_t stride = 7) {
  act();  // what is made once and kept
  if (std::getenv("TANDEM_TORTURE") != nullptr) stride = 1;
  int64_t refused = 0, survived = 0, k = 0;
  for (;; k += stride) {
    trim_memory_pool();  // else it takes no memory
    until_failure = k;
    bool failed = false;
    try {
      act();
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const Error& e) {  // says so with a file's name or a layer's
      failed = true;
      until_failure = -1;
      EXPECT_NE(std::string(e.what()), "") << what << ", allocation " << k;
    } catch (const std::exception& e) {
      until_failure = -1;
      ADD_FAILURE() << what << ", allocation " << k << " ends in " << typeid(e).name() << ": " << e.what();
    }
    const bool reached = until_failure.exchange(-1) < 0 || failed;
    whole();
    ASSERT_FALSE(::testing::Test::HasFailure()) << what << ", allocation " << k;
    if (!reached) break;
    (failed ? refused : survived) += 1;
  }
  std::printf("%s: %lld allocations, %lld failures refused, %lld done without\n", what.c_str(),
              static_cast<long long>(k), static_cast<long long>(refused), static_cast<long long>(survived));
  EXPECT_GT(refused, 20) << "nothing was tested";
}

struct NoMemory : ::testing::Test {
  Folder home;
  train::Recipe recipe =
      small_recipe("optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 1, batch: 16, average: 0.9}\n");
  data::Dataset learned = bands(48, 1), held = bands(12, 2);
};

TEST_F(NoMemory, Loading) {
  tasks::Classifier model = train::make_model(recipe, learned);
  model.save(home / "m.safetensors");
  const auto file = read_file(home / "m.safetensors");
  fail_each(
      "load", [&] { (void)tasks::Classifier::load(home / "m.safetensors"); },
      [&] { EXPECT_EQ(read_file(home / "m.safetensors"), file); });
}

TEST_F(NoMemory, Saving) {
  tasks::Classifier model = train::make_model(recipe, learned), other = model;
  model.save(home / "m.safetensors");
  const auto file = read_file(home / "m.safetensors");
  fail_each(
      "save", [&] { model.save(home / "m.safetensors"); },
      [&] {
        EXPECT_EQ(read_file(home / "m.safetensors"), file);
        EXPECT_EQ(std::distance(fs::directory_iterator(home.path()), {}), 1) << "a part of a file is left";
      });
}

TEST_F(NoMemory, Steps) {
  fail_each(
      "steps",
      [&] {
        tasks::Classifier model = train::make_model(recipe, learned);
        train::Trainer trainer(recipe, model, learned, held);
        trainer.run();
        (void)format_safetensors(trainer.checkpoint());
      },
      [] {});
  // What failed before left nothing behind: the same network comes out.
  tasks::Classifier model = train::make_model(recipe, learned);
  train::Trainer trainer(recipe, model, learned, held);
  trainer.run();
  tasks::Classifier again = train::make_model(recipe, learned);
  train::Trainer other(recipe, again, learned, held);
  other.run();
  EXPECT_EQ(weights(model.net), weights(again.net));
}

TEST_F(NoMemory, Restoring) {
  for (const char* name : {"convolution_adam", "letters_lstm_carried", "pairs_transformer_adamw"}) {
    const Course course = *std::ranges::find(courses(), name, &Course::name);
    const Training whole(course), other(course);
    int steps = 0;
    whole.run([&](int) { return ++steps == 20; });
    const auto state = whole.state();
    fail_each(
        std::string("restore ") + name, [&] { other.trainer->restore(parse_safetensors(state, "state"), "state"); },
        [&] {
          other.trainer->restore(parse_safetensors(state, "state"), "state");
          EXPECT_TRUE(other.state() == state) << "a failure left something behind";
        },
        31);
  }
}

TEST_F(NoMemory, TextsAndTables) {
  for (const char* name : {"recurrent_rmsprop", "transformer_adamw", "rows_mixed"}) {
    const Course course = *std::ranges::find(courses(), name, &Course::name);
    const Training training(course);
    training.classifier->save(home / "m.safetensors");
    const std::vector<float> wanted = training.classifier->predict(training.held);
    std::vector<float> got;
    fail_each(
        std::string("load and ask ") + name,
        [&] { got = tasks::Classifier::load(home / "m.safetensors").predict(training.held); },
        [&] { EXPECT_EQ(got, wanted); }, 31);
  }
}

TEST_F(NoMemory, Writing) {
  const fs::path text = home.write("text.txt", alphabet_text(20));
  tasks::LanguageModel model = tiny_language_model(tiny_transformer, text, false);
  model.save(home / "m.safetensors");
  const std::string wanted = generate(model, "abc", {.tokens = 12}).text;
  std::string got;
  fail_each(
      "load and write",
      [&] { got = generate(tasks::LanguageModel::load(home / "m.safetensors"), "abc", {.tokens = 12}).text; },
      [&] { EXPECT_EQ(got, wanted); }, 31);
}

TEST_F(NoMemory, Adapters) {
  small_model(1).save(home / "m.safetensors");
  const adapt::Base base = adapt::Base::load(home / "m.safetensors");
  adapt::Options options;
  options.lora.emplace().rank = 2;
  const auto built = [&](nn::Sequential net) {
    nn::Build build{Rng(1, "adapter"), 3, 1'000'000};
    (void)net.build(shape_of(base.input()), build);
    return net;
  };
  nn::Sequential net = built(adapt::adapted(base, options));
  adapt::save_adapter(home / "adapter", base, options, net);
  const auto file = read_file(home / "adapter" / adapt::adapter_file);
  std::vector<uint8_t> wanted, got;
  const auto put_on = [&] {
    const adapt::Adapter adapter = adapt::Adapter::load(home / "adapter", base);
    nn::Sequential on = built(adapter.net);
    adapter.put_on(base, on);
    got = weights(on);
  };
  put_on();
  wanted = got;
  fail_each("put an adapter on", put_on, [&] { EXPECT_EQ(got, wanted); });
  fail_each(
      "save an adapter", [&] { adapt::save_adapter(home / "adapter", base, options, net); },
      [&] { EXPECT_EQ(read_file(home / "adapter" / adapt::adapter_file), file); });
}

TEST_F(NoMemory, Serving) {
  tasks::Classifier model = small_model(1);
  model.save(home / "m.safetensors");
  Serving server({{"digits", "", home / "m.safetensors"}});
  const std::string good = request("POST", "/v2/models/digits/infer", infer_json(small_picture(3)));
  const Answered wanted = server.ask(good);
  ASSERT_EQ(wanted.status, 200) << wanted.body;
  fail_each(
      "serve",
      [&] {
        const Answered got = server.ask(good);
        if (got.status != 200 || got.body != wanted.body) throw std::bad_alloc();
      },
      [&] {
        const Answered now = server.ask(good);
        EXPECT_EQ(now.status, 200) << "the server did not recover";
        EXPECT_EQ(now.body, wanted.body);
      },
      1);
}

}  // namespace
}  // namespace tandem::testing
