// Checkpoints that survive: what was announced as saved can be loaded, whatever happens while the next is written.
#include <sys/mount.h>
#include <tandem/train/checkpoints.h>

#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cli/program.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::Checkpoints;

/// More than the quick test does: scripts/torture.sh.
bool torture() { return std::getenv("TANDEM_TORTURE") != nullptr; }

/// A state that says which it is, in every number.
TensorFile state(int64_t number, int64_t size = 5000) {
  TensorFile out;
  for (const char* name : {"net.0.weight", "optimizer.m.0"})
    out.tensors.emplace_back(name, Tensor::full({size}, static_cast<double>(number)));
  out.metadata["number"] = std::to_string(number);
  return out;
}
int64_t number_of(const TensorFile& file) {
  const int64_t number = std::stoll(file.metadata.at("number"));
  for (const auto& [name, tensor] : file.tensors)
    for (const float value : tensor.data<const float>()) EXPECT_EQ(value, static_cast<float>(number)) << name;
  return number;
}
int64_t number_in(const fs::path& file) { return number_of(read_safetensors(file)); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string());
  std::ranges::sort(out);
  return out;
}
const std::vector<std::string> all_three{"best.safetensors", "last.safetensors", "previous.safetensors"};

TEST(Checkpoints, KeepsTheLastTheOneBeforeAndTheBest) {
  const Folder home;
  Checkpoints kept(home.path());
  for (int64_t n = 1; n <= 6; ++n) {
    kept.save(state(n), n == 2 || n == 4);
    EXPECT_EQ(number_in(home / "last.safetensors"), n);
    EXPECT_EQ(number_of(Checkpoints(home.path()).newest().state), n);
    if (n > 1) {
      EXPECT_EQ(number_in(home / "previous.safetensors"), n - 1);
    }
    if (n > 1) {
      EXPECT_EQ(number_in(home / "best.safetensors"), n < 4 ? 2 : 4);
    }
  }
  EXPECT_EQ(names_in(home.path()), all_three);
}

TEST(Checkpoints, ADamagedOneIsNeitherLoadedNorKeptInPlaceOfAGoodOne) {
  const Folder home;
  Checkpoints first(home.path());
  first.save(state(1), false);
  first.save(state(2), false);
  auto bytes = read_file(home / "last.safetensors");
  bytes[bytes.size() - 5] ^= 8;
  home.write("last.safetensors", bytes);

  Checkpoints again(home.path());
  const Checkpoints::Found found = again.newest();
  EXPECT_EQ(number_of(found.state), 1);
  EXPECT_EQ(found.file, home / "previous.safetensors");
  EXPECT_NE(found.remark.find("'optimizer.m.0' is damaged"), std::string::npos) << found.remark;
  again.save(state(7), false);
  EXPECT_EQ(number_in(home / "last.safetensors"), 7);
  EXPECT_EQ(number_in(home / "previous.safetensors"), 1) << "the damaged one must not come here";
  again.save(state(8), false);
  EXPECT_EQ(number_in(home / "previous.safetensors"), 7);

  home.write("last.safetensors", bytes);
  home.write("previous.safetensors", "x");
  expect_error(ErrorKind::data, {"last.safetensors", "is damaged"}, [&] { (void)Checkpoints(home.path()).newest(); });
}

TEST(Checkpoints, AStateThatIsNotFiniteReplacesNothing) {
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    const Folder home;
    Checkpoints kept(home.path());
    kept.save(state(1), true);
    kept.save(state(2), false);
    TensorFile bad = state(3);
    bad.tensors[1].second.data<float>()[77] = static_cast<float>(value);
    for (int i = 0; i < 5; ++i)  // a run that went wrong rotates nothing away
      expect_error(ErrorKind::numeric, {"'optimizer.m.0' is no longer finite"}, [&] { kept.save(bad, true); });
    TensorFile wide = state(3);
    wide.tensors.emplace_back("whole", Tensor::zeros({2}, DType::f64));
    wide.tensors.emplace_back("sums", Tensor::full({4}, value, DType::f64));
    wide.tensors.emplace_back("places", Tensor::zeros({2}, DType::i64));
    expect_error(ErrorKind::numeric, {"'sums' is no longer finite"}, [&] { kept.save(wide, true); });
    EXPECT_EQ(number_in(home / "last.safetensors"), 2);
    EXPECT_EQ(number_in(home / "previous.safetensors"), 1);
    EXPECT_EQ(number_in(home / "best.safetensors"), 1);
    EXPECT_EQ(names_in(home.path()), all_three);
  }
}

TEST(Checkpoints, AReaderNeverSeesHalfAFile) {
  const Folder home;
  Checkpoints(home.path()).save(state(1), true);
  std::atomic<bool> over = false;
  std::jthread writer([&] {
    Checkpoints kept(home.path());
    for (int64_t n = 2; n <= 1000; ++n) kept.save(state(n, 2000), n % 3 == 0);
    over = true;
  });
  int64_t seen = 1, reads = 0;
  while (!over) {
    for (const char* name : {"last", "best"}) {
      const int64_t n = number_in(home / (std::string(name) + ".safetensors"));
      if (name[0] == 'l') {
        EXPECT_GE(n, std::exchange(seen, n)) << "an older one came back";
      }
      ++reads;
    }
  }
  writer.join();
  EXPECT_GT(reads, 100);
  EXPECT_EQ(number_in(home / "last.safetensors"), 1000);
}

TEST(Checkpoints, OnAFullDiskTheOldOnesStay) {
  const Folder home;
  fs::create_directory(home / "disk");
  if (::mount("tmpfs", (home / "disk").c_str(), "tmpfs", 0, "size=1m") != 0)
    GTEST_SKIP() << "a disk of its own size cannot be mounted here (it takes root)";
  const auto off = [&] { ::umount2((home / "disk").c_str(), MNT_DETACH); };
  try {
    Checkpoints kept(home / "disk");
    kept.save(state(1, 40'000), true);   // 320 kB
    kept.save(state(2, 40'000), false);  // and another
    for (int i = 0; i < 3; ++i)
      expect_error(ErrorKind::file, {"next.safetensors", "cannot be written", "No space left on device"},
                   [&] { kept.save(state(3, 80'000), false); });
    EXPECT_EQ(number_in(home / "disk/last.safetensors"), 2);
    EXPECT_EQ(number_in(home / "disk/previous.safetensors"), 1);
    EXPECT_EQ(names_in(home / "disk"), all_three) << "nothing half written is left";
    kept.save(state(4, 40'000), false);
    EXPECT_EQ(number_in(home / "disk/last.safetensors"), 4) << "what fits is saved again";
  } catch (...) {
    off();
    throw;
  }
  off();
}

// ---- other processes: this program again, with one of the tests below as its work ----

/// This program, started again to do `work`; what it printed, and how it ended.
Said again(const Folder& home, const std::string& work, const std::vector<std::string>& environment,
           int64_t kill_after_us = -1) {
  std::vector<std::string> all{"TANDEM_TEST_FOLDER=" + (home / "run").string(),
                               "ASAN_OPTIONS=verify_asan_link_order=0"};
  all.insert(all.end(), environment.begin(), environment.end());
  Program program(home.path(), {"--gtest_also_run_disabled_tests", "--gtest_filter=CheckpointsChild.DISABLED_" + work},
                  all, "/dev/null", "/proc/self/exe");
  if (kill_after_us >= 0) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::error_code not_yet;
    while (fs::file_size(program.err(), not_yet) + 1 <= 1 && std::chrono::steady_clock::now() < deadline) usleep(200);
    usleep(static_cast<useconds_t>(kill_after_us));
    program.signal(SIGKILL);
  }
  return program.wait();
}

fs::path folder_of_child() {
  const char* folder = std::getenv("TANDEM_TEST_FOLDER");
  return folder != nullptr ? folder : "";
}
void announce(int64_t number) {
  const std::string line = fmt::format("saved {}\n", number);
  (void)!::write(2, line.data(), line.size());
}
int64_t announced(const Said& said) {
  int64_t out = 0;
  for (const std::string& line : said.lines())
    if (line.starts_with("saved ")) out = std::stoll(line.substr(6));
  return out;
}

TEST(CheckpointsChild, DISABLED_SavesOnce) {
  if (folder_of_child().empty()) return;
  Checkpoints kept(folder_of_child());
  (void)kept.newest();
  try {
    kept.save(state(3), true);
    announce(3);
  } catch (const Error& e) {
    fmt::print(stderr, "refused {}\n", e.what());
  }
}

// Every call that saving makes of the system fails once, in every way, or is the last one of the process.
TEST(Checkpoints, WhateverCallFailsTheOldOneIsThereAndNothingIsLeft) {
  const std::string faults = built_program.parent_path() / "tests/libtandem_faults.so";
  ASSERT_TRUE(fs::exists(faults)) << faults;
  const std::map<std::string, std::vector<std::string>> ways{
      {"open", {"28", "5", "4", "stop", "stop-behind"}},
      {"write", {"28", "5", "4", "short", "lie", "stop", "stop-behind"}},
      {"fsync", {"28", "5", "4", "stop", "stop-behind"}},
      {"pread", {"5", "4", "stop"}},
      {"rename", {"28", "5", "4", "stop", "stop-behind"}},
      {"link", {"28", "5", "4", "stop", "stop-behind"}},
      {"unlink", {"5", "13", "stop", "stop-behind"}},
      {"read", {"5", "4", "short", "stop", "stop-behind"}},
      {"close", {"28", "5", "4", "stop", "stop-behind"}}};
  int struck = 0;
  for (const auto& [call, hows] : ways)
    for (const std::string& how : hows)
      for (int k = 1;; ++k) {
        SCOPED_TRACE(fmt::format("{} number {}: {}", call, k, how));
        const Folder home;
        fs::create_directory(home / "run");
        {
          Checkpoints kept(home / "run");
          kept.save(state(1), true);
          kept.save(state(2), false);
        }
        const Said said =
            again(home, "SavesOnce", {"LD_PRELOAD=" + faults, fmt::format("TANDEM_FAULT={}:{}:{}", call, k, how)});
        const bool fault = said.err.find("FAULT\n") != std::string::npos;
        if (!fault) {  // so many calls are not made
          ASSERT_EQ(announced(said), 3) << said.err << said.out;
          ASSERT_GT(k, 1) << "the fault was never met";
          break;
        }
        ++struck;
        const bool stopped = said.code == 128 + SIGKILL, saved = announced(said) == 3;
        ASSERT_TRUE(stopped || saved || said.err.find("refused ") != std::string::npos) << said.err << said.out;
        if (call == "link" && !stopped) {
          EXPECT_TRUE(saved) << "a copy takes its place";
        }
        if (how == "4") {
          EXPECT_TRUE(saved) << "interrupted is not failed: " << said.err;
        }
        if (how == "lie") {
          EXPECT_NE(said.err.find("other bytes are read back"), std::string::npos) << said.err;
        }
        if (!saved && !stopped && how == "28") {
          EXPECT_NE(said.err.find("No space left on device"), std::string::npos) << said.err;
        }
        if (call == "unlink" || call == "read") {
          EXPECT_TRUE(saved || stopped) << "nothing that is needed was lost: " << said.err;
        }
        if (!saved && !stopped && how == "5" && call != "pread") {
          EXPECT_NE(said.err.find("Input/output error"), std::string::npos) << said.err;
        }

        Checkpoints kept(home / "run");  // removes what a stopped process left
        const int64_t there = number_of(kept.newest().state);
        EXPECT_TRUE(saved ? there == 3 : there == 2 || there == 3);
        for (const auto& name : names_in(home / "run"))
          EXPECT_NE(std::ranges::find(all_three, name), all_three.end()) << name << " is left";
        for (const auto& name : names_in(home / "run")) (void)number_in(home / "run" / name);
        kept.save(state(9), true);
        EXPECT_EQ(number_in(home / "run/last.safetensors"), 9);
        EXPECT_EQ(names_in(home / "run"), all_three);
      }
  fmt::print("{} faults\n", struck);
  EXPECT_GT(struck, 40);
}

/// A training that saves after every step, as the program does after every epoch.
struct Course {
  train::Recipe recipe = small_recipe("train: {epochs: 40, batch: 10}\noptimizer: {type: adam, lr: 0.01}");
  data::Dataset data = bands(60, 1), validation = bands(15, 2);
  tasks::Classifier model;
  std::optional<train::Trainer> trainer;
  Course() {
    model.net = recipe.network;
    model.input = tasks::ImageInput{8, 8, 1, {0.3}, {0.2}};
    model.classes = data.classes;
    model.build(Rng(recipe.seed, "weights"));
    trainer.emplace(recipe, model, data, validation);
  }
};
int64_t steps_of(const TensorFile& file) {
  const auto j = nlohmann::json::parse(file.metadata.at("tandem.state"));
  return j.at("epoch").get<int64_t>() * 6 + j.at("step").get<int64_t>();
}

TEST(CheckpointsChild, DISABLED_TrainsAndSavesEachStep) {
  if (folder_of_child().empty()) return;
  Course course;
  Checkpoints kept(folder_of_child());
  if (fs::exists(folder_of_child() / "last.safetensors")) {
    const Checkpoints::Found found = kept.newest();
    course.trainer->restore(found.state, found.file.string());
  }
  const auto save = [&] {
    const TensorFile now = course.trainer->checkpoint();
    kept.save(now, false);
    announce(steps_of(now));
  };
  train::Hooks hooks;
  hooks.stop = [&] { return save(), false; };
  hooks.epoch = [&](const evaluate::EpochPoint&, bool) { save(); };
  course.trainer->run(hooks);
  write_safetensors(folder_of_child() / "model", {nn::named(course.model.net), {}});
}

// Killed at any moment of saving, then gone on with, again and again: nothing that was announced is lost, and in the
// end it is the training that was never killed.
TEST(Checkpoints, KilledAtRandomMomentsTheRunIsTheSame) {
  const int kills = torture() ? 3000 : 30;
  Course whole;
  whole.trainer->run();
  const std::vector<uint8_t> wanted = weights(whole.model.net);
  Rng rng(7, "kills");
  int done = 0, runs = 0;
  while (done < kills) {
    const Folder home;
    fs::create_directory(home / "run");
    ++runs;
    int64_t told = 0;
    for (bool finished = false; !finished;) {
      const bool kill = done < kills;
      const Said said = again(home, "TrainsAndSavesEachStep", {}, kill ? rng.below(30'000) : -1);
      told = std::max(told, announced(said));
      finished = said.code != 128 + SIGKILL;
      if (finished) {
        ASSERT_EQ(said.code, 0) << said.out << said.err;
        break;
      }
      ++done;
      if (!fs::exists(home / "run/last.safetensors")) {
        ASSERT_EQ(told, 0) << "a save was announced, and nothing is there";
        continue;
      }
      const TensorFile found = read_safetensors(home / "run/last.safetensors");
      ASSERT_GE(steps_of(found), told) << "what was announced is lost";
      ASSERT_LE(steps_of(found), told + 1);
    }
    EXPECT_EQ(read_file(home / "run/model"), wanted);
  }
  fmt::print("{} kills in {} runs\n", done, runs);
}

}  // namespace
}  // namespace tandem::testing
