// A training that was stopped after any of its steps and resumed is the training that was not: every byte of its state,
// after every step.
#include <tandem/base/threads.h>

#include <cstdlib>
#include <set>

#include "tests/train/courses.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

struct ResumeAnywhere : ::testing::TestWithParam<Course> {};

TEST_P(ResumeAnywhere, IsTheSameRun) {
  const bool torture = std::getenv("TANDEM_TORTURE") != nullptr;
  std::vector<std::vector<uint8_t>> first;  // with one thread
  for (const int count : {1, 2}) {
    SCOPED_TRACE(std::to_string(count) + " threads");
    set_threads(count);
    const Training whole(GetParam());
    std::vector<std::vector<uint8_t>> states{whole.state()};
    whole.run([&](int) {
      states.push_back(whole.state());
      return false;
    });
    states.push_back(whole.state());
    EXPECT_EQ(whole.trainer->remarks().empty(), !GetParam().sick);
    if (!GetParam().sick)
      for (const evaluate::Remark& r : whole.trainer->remarks()) ADD_FAILURE() << "the doctor is no wolf: " << r.en;
    ASSERT_GT(states.size(), 101U) << "the course is shorter than 100 steps";

    for (size_t step = 0; step < 100; step += torture ? 1 : 4) {  // stopped after each step, which is made anew
      const Training one(GetParam());
      if (step > 0) one.trainer->restore(parse_safetensors(states[step], "state"), "state");
      ASSERT_EQ(one.run([](int) { return true; }), train::Outcome::interrupted);
      ASSERT_TRUE(one.state() == states[step + 1]) << "differs after step " << step + 1;
    }
    for (size_t step = torture ? 1 : 7; step < 100; step += torture ? 1 : 31) {  // and stopped once
      const Training rest(GetParam());
      rest.trainer->restore(parse_safetensors(states[step], "state"), "state");
      rest.run();
      ASSERT_TRUE(rest.state() == states.back()) << "differs at the end, when stopped after step " << step;
    }
    if (count == 1)
      first = states;
    else
      EXPECT_TRUE(states == first) << "differs from one thread";
  }
  set_threads(0);
}

INSTANTIATE_TEST_SUITE_P(Courses, ResumeAnywhere, ::testing::ValuesIn(courses()),
                         [](const auto& p) { return p.param.name; });

// The comparison above must be able to fail: whatever is left out of a checkpoint, the training goes another way.
TEST(Resume, NoticesEachPartThatIsLeftOut) {
  for (const char* name : {"forward_nesterov_plateau", "convolution_adam", "convolution_swa", "letters_lstm_carried"}) {
    const Course course = *std::ranges::find(courses(), name, &Course::name);
    SCOPED_TRACE(name);
    const Training whole(course);
    const TensorFile begun = parse_safetensors(whole.state(), "begun");
    std::vector<std::vector<uint8_t>> states{whole.state()};
    whole.run([&](int) {
      states.push_back(whole.state());
      return false;
    });
    const auto end = whole.state();

    // Whether the training notices that `leave_out` has taken something from the state in the middle of it; nothing
    // where that was as at the beginning.
    const auto noticed = [&](const std::function<void(TensorFile&)>& leave_out) -> std::optional<bool> {
      for (const size_t step : {70U, 41U, 20U, 3U}) {
        TensorFile file = parse_safetensors(states[step], "state");
        leave_out(file);
        if (format_safetensors(file) == states[step]) continue;
        const Training rest(course);
        try {
          rest.trainer->restore(file, "state");
        } catch (const Error&) {
          return true;
        }
        rest.run();
        if (rest.state() != end) return true;
      }
      return std::nullopt;
    };
    const json before = json::parse(begun.metadata.at("tandem.state"));
    std::vector<std::string> keys{"epoch", "step", "loss_sum", "examples", "correct", "history"};
    keys.emplace_back(name == std::string("convolution_swa") ? "averaged" : "optimizer_steps");
    for (const std::string& key : keys) {
      const auto found = noticed([&](TensorFile& file) {
        json state = json::parse(file.metadata.at("tandem.state"));
        state.at(key) = before.at(key);
        file.metadata.at("tandem.state") = state.dump();
      });
      EXPECT_TRUE(found == true) << key << " can be left out, and nobody notices";
    }
    std::vector<std::string> parts{"net.", "optimizer."};
    if (course.recipe.find("average") != std::string::npos) parts.emplace_back("average.");
    if (course.recipe.find("carry") != std::string::npos) parts.emplace_back("task.");
    for (const std::string& part : parts) {
      const auto found = noticed([&](TensorFile& file) {
        for (auto& [tensor_name, tensor] : file.tensors)
          if (tensor_name.starts_with(part)) tensor = Tensor::zeros(tensor.shape());
      });
      EXPECT_TRUE(found == true) << part << " can be left out, and nobody notices";
    }
  }
}

TEST(Resume, RefusesAStateWithoutOneOfItsParts) {
  const Course course = *std::ranges::find(courses(), "forward_nesterov_plateau", &Course::name);
  const Training whole(course);
  int steps = 0;
  whole.run([&](int) { return ++steps == 20; });
  const TensorFile good = parse_safetensors(whole.state(), "state");
  const auto refused = [&](const TensorFile& file, const std::vector<std::string>& parts) {
    const Training other(course);
    const auto before = other.state();
    expect_error(ErrorKind::data, parts, [&] { other.trainer->restore(file, "state"); });
    EXPECT_EQ(other.state(), before) << "it was changed";
  };
  std::set<std::string> kinds;
  for (size_t i = 0; i < good.tensors.size(); ++i) {
    TensorFile file = good;
    const std::string name = file.tensors[i].first;
    kinds.insert(name.substr(0, name.find('.')));
    file.tensors.erase(file.tensors.begin() + static_cast<std::ptrdiff_t>(i));
    const std::string own = name.starts_with("net.") ? name.substr(4) : name;
    refused(file, {"state", own, "missing"});
    file = good;
    file.tensors[i].second = good.tensors[i].second.to(DType::f64);  // twice the bytes must not be copied
    if (own == name) refused(file, {"state", own, "type"});          // a network's own are converted
    file.tensors[i].second = Tensor::zeros({1, 2, 3});
    refused(file, {"state", own, "shape"});
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"net", "optimizer", "average", "best"}));

  const json state = json::parse(good.metadata.at("tandem.state"));
  EXPECT_GE(state.size(), 19U);
  const auto changed = [&](const json& to) {
    TensorFile file = good;
    file.metadata.at("tandem.state") = to.dump();
    return file;
  };
  for (const auto& [key, value] : state.items()) {
    json less = state;
    less.erase(key);
    refused(changed(less), {"state of this checkpoint is damaged", key});
    json other = state;
    other[key] = "word";
    refused(changed(other), {"state of this checkpoint is damaged"});
  }
  for (const char* key : {"epoch", "step", "examples", "correct", "best_epoch", "waited", "bad", "returns", "averaged",
                          "optimizer_steps"})
    for (const json& value : {json(-1), json(0.5), json(uint64_t{1} << 63)}) {
      json other = state;
      other[key] = value;
      refused(changed(other), {"state of this checkpoint is damaged", key, "expected 0 to"});
    }
  json shorter = state;
  shorter["history"].erase(0);
  refused(changed(shorter), {"history has", "expected"});
}

TEST(Resume, RefusesWhatBelongsToNothing) {
  const Training whole(courses().front());
  for (const char* name : {"optimizer.other", "task.state", "other"}) {
    TensorFile file = parse_safetensors(whole.state(), "state");
    file.tensors.emplace_back(name, Tensor::zeros({2}));
    const auto before = whole.state();
    expect_error(ErrorKind::data, {"state", name, "belongs to nothing"},
                 [&] { whole.trainer->restore(file, "state"); });
    EXPECT_EQ(whole.state(), before);
  }
}

}  // namespace
}  // namespace tandem::testing
