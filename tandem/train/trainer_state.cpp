// The state of a training, written into a checkpoint and read back.
#include <tandem/base/json_file.h>
#include <tandem/base/json_text.h>
#include <tandem/nn/weights.h>
#include <tandem/train/trainer.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::train {
namespace {

using json = nlohmann::json;

// As json_text() writes it.
double number(const json& value) { return value.is_null() ? std::nan("") : value.get<double>(); }

}  // namespace

TensorFile Trainer::checkpoint() {
  TensorFile file;
  each_tensor([&](const std::string& name, Tensor& tensor) { file.tensors.emplace_back(name, tensor); });
  const auto own = nn::named(net_);
  for (size_t i = 0; i < best_.size(); ++i) file.tensors.emplace_back("best." + own[i].first, best_[i]);

  std::string history, remarks;
  for (const auto& p : state_.history)
    history += fmt::format("{}[{},{},{},{},{},{},{}]", history.empty() ? "" : ",", p.epoch, json_text(p.train_loss),
                           json_text(p.validation_loss), json_text(p.validation_accuracy), json_text(p.learning_rate),
                           json_text(p.seconds), json_text(p.train_accuracy));
  for (const auto& r : state_.remarks)
    remarks += fmt::format("{}[{},{},{}]", remarks.empty() ? "" : ",", json_text(r.about, "checkpoint"),
                           json_text(r.en, "checkpoint"), json_text(r.zh, "checkpoint"));
  const auto& s = schedule_.state();
  std::string text;
  const auto put = [&](const char* key, const auto& value) {
    text += fmt::format("{}\"{}\":{}", text.empty() ? "{" : ",", key, value);
  };
  put("epoch", state_.epoch), put("step", state_.step);
  put("loss_sum", json_text(state_.loss_sum));
  put("examples", state_.examples), put("correct", state_.correct);
  put("best_score", json_text(state_.best_score)), put("best_epoch", state_.best_epoch), put("waited", state_.waited);
  put("seconds", json_text(state_.seconds)), put("epoch_seconds", json_text(state_.epoch_seconds));
  put("bad", state_.bad), put("returns", state_.returns);
  put("averaged", state_.averaged);
  put("remarks", "[" + remarks + "]");
  std::string wrong;
  for (const auto& [about, times] : doctor_ ? doctor_->wrong() : state_.wrong)
    wrong += fmt::format("{}{}:{}", wrong.empty() ? "" : ",", json_text(about, "checkpoint"), times);
  put("wrong", "{" + wrong + "}");
  put("secret", state_.secret);
  put("optimizer_steps", optimizer_.steps());
  put("schedule", fmt::format("[{},{},{}]", json_text(s.scale), json_text(s.best), s.waited));
  put("history", "[" + history + "]");
  file.metadata["tandem.checkpoint"] = "1";
  file.metadata["tandem.state"] = text + "}";
  return file;
}

void Trainer::restore(const TensorFile& file, const std::string& where) {
  const auto found = file.metadata.find("tandem.state");
  if (found == file.metadata.end()) fail(ErrorKind::data, where, "is no checkpoint of tandem");
  State state;
  optim::Schedule::State schedule;
  int64_t optimizer_steps = 0;
  try {
    const JsonTree tree(found->second, where);
    const json& j = *tree;
    const auto whole = [&](const char* key, int64_t most) {
      const json& given = j.at(key);
      if (!given.is_number_integer() || given < 0 || given > most)
        fail(ErrorKind::data, where, "the state of this checkpoint is damaged: {} is {}, expected 0 to {}", key,
             given.dump().substr(0, 64), most);
      return given.get<int64_t>();
    };
    constexpr int64_t any = std::numeric_limits<int64_t>::max();
    state.epoch = whole("epoch", any), state.step = whole("step", any), state.loss_sum = j.at("loss_sum");
    state.examples = whole("examples", any), state.correct = whole("correct", any);
    state.best_score = j.at("best_score"), state.best_epoch = whole("best_epoch", state.epoch);
    state.waited = whole("waited", state.epoch), state.seconds = j.at("seconds");
    state.epoch_seconds = j.at("epoch_seconds"), optimizer_steps = whole("optimizer_steps", any);
    state.secret = j.at("secret");
    state.bad = whole("bad", bad_steps_in_a_row), state.returns = whole("returns", most_returns);
    state.averaged = whole("averaged", any);
    for (const json& r : j.at("remarks")) state.remarks.push_back({r.at(0), r.at(1), r.at(2)});
    for (const auto& [about, times] : j.at("wrong").items()) state.wrong.emplace(about, times.get<int>());
    schedule = {j.at("schedule").at(0), j.at("schedule").at(1), j.at("schedule").at(2)};
    for (const json& p : j.at("history"))
      state.history.push_back({p.at(0), number(p.at(1)), number(p.at(2)), number(p.at(3)), number(p.at(4)),
                               number(p.at(5)), number(p.at(6))});
    if (std::ssize(state.history) != state.epoch)
      fail(ErrorKind::data, where, "the state of this checkpoint is damaged: history has {} epochs, expected {}",
           state.history.size(), state.epoch);
  } catch (const json::exception& e) {
    fail(ErrorKind::data, where, "the state of this checkpoint is damaged: {}", e.what());
  }
  if (state.step >= std::max<int64_t>(steps_an_epoch_, 1))
    fail(ErrorKind::data, where, "stands at step {} of an epoch of {}: the data or the batch size changed", state.step,
         steps_an_epoch_);

  const auto own = nn::named(net_);
  std::set<std::string> known;
  const auto part = [&](const std::string& prefix) {
    std::vector<std::pair<std::string, Tensor>> out;
    for (const auto& [name, tensor] : file.tensors)
      if (name.starts_with(prefix)) out.emplace_back(name.substr(prefix.size()), tensor);
    return out;
  };
  const auto copied = [&](const std::string& prefix, bool kept) {
    std::vector<Tensor> out;
    if (!kept) return out;
    for (const auto& [name, tensor] : own) {
      const Tensor t = file.find(prefix + name);
      if (!t.defined() || t.shape() != tensor.shape() || t.dtype() != tensor.dtype())
        fail(ErrorKind::data, where, "tensor '{}{}' is missing or has another shape or type", prefix, name);
      known.insert(prefix + name);
      out.push_back(t.clone());
    }
    return out;
  };
  std::vector<Tensor> average = copied("average.", state.averaged > 0);
  std::vector<Tensor> best = copied("best.", recipe_.train.keep == "best" && state.best_epoch > 0);
  const auto check = [&](const std::string& name, const Tensor& tensor) {
    const Tensor t = file.find(name);
    if (!t.defined() || t.shape() != tensor.shape() || t.dtype() != tensor.dtype())
      fail(ErrorKind::data, where, "tensor '{}' is missing or has another shape or type: was the recipe changed?",
           name);
    known.insert(name);
  };
  optimizer_.visit([&](const std::string& name, Tensor& tensor) { check("optimizer." + name, tensor); });
  task_.visit_state([&](const std::string& name, Tensor& tensor, bool) { check("task." + name, tensor); });
  for (const auto& [name, tensor] : file.tensors)
    if (!name.starts_with("net.") && !known.contains(name))
      fail(ErrorKind::data, where, "tensor '{}' belongs to nothing in this training: was the recipe changed?", name);
  nn::assign(net_, part("net."), where);  // the last check; from here on nothing fails
  const auto take = [&](const std::string& name, const Tensor& into) {
    std::memcpy(into.bytes(), file.find(name).bytes(), into.byte_count());
  };
  optimizer_.visit([&](const std::string& name, Tensor& tensor) { take("optimizer." + name, tensor); });
  task_.visit_state([&](const std::string& name, Tensor& tensor, bool) { take("task." + name, tensor); });
  average_ = std::move(average);
  best_ = std::move(best);
  optimizer_.set_steps(optimizer_steps);
  schedule_.restore(schedule);
  state_ = std::move(state);
  doctor_.reset();  // its counts are the state's now
}

}  // namespace tandem::train
