#include <tandem/base/threads.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

struct Threads : ::testing::TestWithParam<int> {
  void SetUp() override { set_threads(GetParam()); }
  void TearDown() override { set_threads(0); }
};

TEST(ThreadCount, ZeroGivesTheDefaultBackAfterWorkOnOneThread) {
  set_threads(0);
  const int before = threads();
  set_threads(1);
  parallel_tasks(4, [](int64_t) {});
  set_threads(0);
  EXPECT_EQ(threads(), before);
}

TEST_P(Threads, EveryTaskOnce) {
  EXPECT_EQ(threads(), GetParam());
  for (const int64_t tasks : {0, 1, 2, 3, 7, 1000}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(tasks));
    parallel_tasks(tasks, [&](int64_t task) { ++calls.at(static_cast<size_t>(task)); });
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
}

TEST_P(Threads, EveryItemOnceInPiecesOfTheGrain) {
  for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{99}, int64_t{100}, int64_t{101}, int64_t{1234}}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(n));
    std::atomic<int64_t> pieces = 0;
    parallel_for(n, 100, [&](int64_t begin, int64_t end) {
      ++pieces;
      EXPECT_TRUE(begin % 100 == 0 && (end - begin == 100 || end == n)) << begin << " to " << end;
      for (int64_t i = begin; i < end; ++i) ++calls[static_cast<size_t>(i)];
    });
    EXPECT_EQ(pieces, (n + 99) / 100);
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
  int64_t calls = 0;
  parallel_for(3, 0, [&](int64_t, int64_t) { calls += 0; });  // a grain of 0 counts as 1
  EXPECT_EQ(calls, 0);
}

TEST_P(Threads, AnExceptionComesBackAndTheNextCallWorks) {
  for (const int64_t thrower : {0, 5, 63}) {
    expect_error(ErrorKind::numeric, {"task: number " + std::to_string(thrower)}, [&] {
      parallel_tasks(64, [&](int64_t task) {
        if (task == thrower) fail(ErrorKind::numeric, "task", "number {}", task);
      });
    });
  }
  EXPECT_THROW(parallel_tasks(64, [](int64_t) { throw 3; }), int) << "all throw at once: one comes back";
  std::atomic<int> count = 0;
  parallel_tasks(64, [&](int64_t) { ++count; });
  EXPECT_EQ(count, 64);
}

TEST_P(Threads, NestedCallsDoAllTheirWork) {
  std::vector<std::atomic<int>> calls(8 * 50);
  parallel_tasks(8, [&](int64_t outer) {
    parallel_for(50, 3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++calls[static_cast<size_t>(outer * 50 + i)];
    });
  });
  for (const auto& count : calls) EXPECT_EQ(count, 1);
  EXPECT_THROW(parallel_tasks(8, [](int64_t) { parallel_tasks(8, [](int64_t) { throw 3; }); }), int);
}

// Two tasks that wait for each other end only when two threads run them.
TEST_P(Threads, TasksRunAtTheSameTime) {
  if (GetParam() == 1) GTEST_SKIP() << "one thread";
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> here = 0;
    parallel_tasks(2, [&](int64_t) {
      ++here;
      while (here < 2) std::this_thread::yield();
    });
    EXPECT_EQ(here, 2);
    if (round % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the workers fall asleep
  }
}

// Callers on several threads share the pool or work alone; none waits for ever, none loses a task.
TEST_P(Threads, ManyCallersAtOnce) {
  std::vector<std::jthread> callers;
  std::vector<std::atomic<int64_t>> sums(4);
  for (auto& sum : sums)
    callers.emplace_back([&sum] {
      for (int round = 0; round < 300; ++round) parallel_tasks(5, [&](int64_t task) { sum += task; });
    });
  callers.clear();
  for (const auto& sum : sums) EXPECT_EQ(sum, 300 * 10);
}

TEST_P(Threads, DenormalsCountAsZeroOnEveryThreadAndTheCallersModeComesBack) {
  const volatile float tiny = 1e-39F;
  std::vector<float> products(64, 1);
  parallel_tasks(64, [&](int64_t task) { products[static_cast<size_t>(task)] = tiny * 1.5F; });
  for (const float product : products) EXPECT_EQ(product, 0);
  EXPECT_GT(tiny * 1.5F, 0);
}

INSTANTIATE_TEST_SUITE_P(Counts, Threads, ::testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace tandem::testing
