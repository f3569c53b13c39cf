#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/kernels/optim.h>
#include <tandem/nn/int8.h>
#include <tandem/nn/weights.h>
#include <tandem/train/ensemble.h>
#include <tandem/train/fault.h>
#include <tandem/train/trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>

namespace tandem::train {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::vector<Tensor> copies(nn::Module& net) {
  std::vector<Tensor> out;
  for (const auto& [name, tensor] : nn::named(net)) out.push_back(tensor.clone());
  return out;
}

std::vector<Tensor> clones(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(t.clone());
  return out;
}

void copy_values(const Tensor& from, const Tensor& to) { std::memcpy(to.bytes(), from.bytes(), from.byte_count()); }

void put_into(nn::Module& net, const std::vector<Tensor>& values) {
  const auto own = nn::named(net);
  for (size_t i = 0; i < values.size(); ++i) copy_values(values[i], own[i].second);
}

void put_back(const std::vector<Tensor>& values, const std::vector<Tensor>& into) {
  for (size_t i = 0; i < into.size(); ++i) copy_values(values[i], into[i]);
}

optim::Options optimizer_of(const Recipe& recipe) {
  optim::Options options = recipe.optimizer;
  options.bf16 = recipe.train.precision == "bf16";
  return options;
}

constexpr size_t most_remarks = 40;  // a training may go on for weeks

}  // namespace

Trainer::Trainer(const Recipe& recipe, tasks::Task& task) : Trainer(recipe, nullptr, &task) {}

Trainer::Trainer(const Recipe& recipe, tasks::Classifier& model, const data::Dataset& train,
                 const data::Dataset& validation)
    : Trainer(recipe,
              std::make_unique<tasks::Classification>(model, train, validation,
                                                      classification_options(recipe, model, train)),
              nullptr) {}

Trainer::Trainer(const Recipe& recipe, std::unique_ptr<tasks::Task> owned, tasks::Task* task)
    : recipe_(recipe),
      owned_(std::move(owned)),
      task_(task != nullptr ? *task : *owned_),
      net_(task_.network()),
      parameters_(learning()),
      optimizer_(optimizer_of(recipe), parameters_),
      schedule_(recipe.schedule, static_cast<double>(recipe.train.epochs)) {
  if (!task_.validates() && (recipe.train.early_stopping.patience > 0 || recipe.schedule.type == "plateau"))
    fail("train",
         "early stopping and the plateau schedule watch the validation part, which is empty: set data.validation");
  if (recipe.train.prune.on()) pruning_.emplace(recipe.train.prune, parameters_);
  steps_an_epoch_ = std::ssize(task_.batches(recipe.train.batch, Rng(recipe.seed, "shuffle").split(0)));
  if (recipe.privacy.on()) {
    private_ = dynamic_cast<tasks::Classification*>(&task_);
    if (private_ == nullptr) fail("privacy", "is there for classification only: leave it out");
    steps_an_epoch_ = std::max<int64_t>(1, task_.examples() / recipe.train.batch);
    noise_ = noise_for(recipe.privacy.epsilon, recipe.privacy.delta, rate(), steps_an_epoch_ * recipe.train.epochs);
    std::random_device system;
    state_.secret = recipe.privacy.repeatable ? Rng(recipe.seed, "privacy").key : uint64_t{system()} << 32 | system();
  }
}

std::vector<Tensor> Trainer::learning() {
  if (!recipe_.start_from.empty()) {
    auto* layers = dynamic_cast<nn::Sequential*>(&net_);
    if (layers == nullptr) fail("adapt", "is there for networks that are a list of layers");
    rates_.emplace(recipe_.adapt, *layers);
  }
  std::vector<Tensor> out;
  net_.visit("", [&](const std::string& name, Tensor& t, bool trained) {
    if (!trained) buffers_.push_back(t);
    if (trained) nn::expect_trainable(name, t);
    if (!trained || (rates_ && !rates_->ever(name))) return;
    require_grad(t);
    names_.push_back(name);
    out.push_back(t);
  });
  return out;
}

tasks::ClassificationOptions classification_options(const Recipe& recipe, const tasks::Classifier& model,
                                                    const data::Dataset& train) {
  tasks::ClassificationOptions out{recipe.loss, recipe.data.augment, recipe.train.progressive, recipe.teach, {}};
  if (recipe.teach.on())
    out.taught = tasks::teaching(load_ensemble(recipe.teach.from), model.input, train, recipe.teach.temperature);
  return out;
}

Outcome Trainer::run(const Hooks& hooks) {
  const FlushDenormals flush;  // as on the threads of parallel work
  heard_ = hooks.remark;
  forgiving_ = !hooks.strict && private_ == nullptr;  // going back would spend privacy twice
  Doctor::Counts wrong = doctor_ ? doctor_->wrong() : state_.wrong;
  doctor_.emplace(names_, parameters_, state_.remarks, std::move(wrong));
  remember();
  const int64_t batch = recipe_.train.batch;
  const double started = now(), seconds_before = state_.seconds;
  while (state_.epoch < recipe_.train.epochs && !waited_enough()) {
    const auto batches = task_.batches(batch, Rng(recipe_.seed, "shuffle").split(static_cast<uint64_t>(state_.epoch)));
    if (rates_) {
      std::vector<double> rates;
      for (const std::string& name : names_) rates.push_back(rates_->at(name, state_.epoch));
      optimizer_.set_rates(std::move(rates));
    }
    const double epoch_started = now() - state_.epoch_seconds;
    const int64_t first_step = state_.step;
    const double first_time = now();
    while (state_.step < steps_an_epoch_) {
      if (private_ != nullptr)
        private_step(private_batch());
      else
        step(batches.at(static_cast<size_t>(state_.step)));
      state_.epoch_seconds = now() - epoch_started;
      state_.seconds = seconds_before + now() - started;
      if (hooks.step) {
        const double rate = static_cast<double>(std::max<int64_t>(state_.step - first_step, 1) * batch) /
                            std::max(now() - first_time, 1e-9);
        const double done =
            static_cast<double>(state_.epoch) + static_cast<double>(state_.step) / static_cast<double>(steps_an_epoch_);
        const double left = state_.seconds / std::max(done, 1e-9) * (static_cast<double>(recipe_.train.epochs) - done);
        hooks.step({state_.epoch + 1, recipe_.train.epochs, state_.step, steps_an_epoch_,
                    state_.loss_sum / static_cast<double>(std::max<int64_t>(state_.examples, 1)), rate, left,
                    state_.waited});
      }
      if (state_.step < steps_an_epoch_ && hooks.stop && hooks.stop()) return Outcome::interrupted;
    }
    end_epoch(batches.empty() ? std::vector<int64_t>{} : batches.front(), hooks);
    state_.seconds = seconds_before + now() - started;
    if (state_.epoch < recipe_.train.epochs && !waited_enough() && hooks.stop && hooks.stop())
      return Outcome::interrupted;
  }
  if (best_.empty())
    take_average(state_.epoch - 1);
  else
    put_into(net_, best_);
  return state_.epoch < recipe_.train.epochs ? Outcome::stopped_early : Outcome::finished;
}

tasks::Moment Trainer::moment() const {
  return {recipe_.seed, state_.epoch, state_.step,
          static_cast<double>(state_.epoch) / static_cast<double>(recipe_.train.epochs)};
}

void Trainer::step(std::span<const int64_t> batch) {
  nn::Pass pass{
      true,
      Rng(recipe_.seed, "dropout").split(static_cast<uint64_t>(state_.epoch)).split(static_cast<uint64_t>(state_.step)),
      recipe_.train.precision == "bf16"};
  const nn::Pass as_given = pass;  // the forward pass leaves things in it
  const std::vector<Tensor> before = clones(buffers());
  optimizer_.clear_grads();
  std::string fault;
  try {
    const tasks::BatchLoss taught = task_.loss(batch, moment(), pass);
    const double value = taught.loss.item();
    double norm = 0;
    if (sound(value)) {
      backward(taught.loss);
      norm = optimizer_.clip(recipe_.train.clip);
    }
    if (sound(value) && sound(norm) && std::ranges::all_of(buffers(), [](const Tensor& t) { return sound(t); }))
      return apply(value, taught.correct, taught.counted);
    // A layer's parameters come before those of the next: the last wrong gradient is the first on the way back.
    const auto norms = optimizer_.norms();
    size_t wrong = sound(value) ? norms.size() : 0;
    while (wrong > 0 && sound(norms[wrong - 1])) --wrong;
    fault = !sound(value) ? "the loss became " + shown(value)
            : wrong > 0   ? fmt::format("the gradient of {} became {}", names_[wrong - 1], shown(norms[wrong - 1]))
            : sound(norm) ? std::string("running statistics became no numbers, or too large")
                          : "the gradients together became " + shown(norm);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::numeric) throw;
    fault = e.what();  // a loss that refuses what is no number
  }
  fault += "; " + first_fault(task_, batch, moment(), as_given);
  put_back(before, buffers());
  leave_out(fault);
}

void Trainer::private_step(std::span<const int64_t> batch) {
  const auto examples = private_->read(batch, moment());
  const PrivateGradients given =
      private_gradients(private_->model().net, recipe_.loss, examples.batch.x, examples.labels, recipe_.privacy.clip,
                        noise_, rate() * static_cast<double>(task_.examples()), secret("noise"));
  optimizer_.clear_grads();
  for (size_t i = 0; i < parameters_.size(); ++i) backward(parameters_[i], given.grads[i]);
  const double norm = optimizer_.clip(recipe_.train.clip);
  if (!sound(given.loss) || !sound(norm))
    go_back(fmt::format("the loss became {}, the gradient {}", shown(given.loss), shown(norm)));
  apply(given.loss, given.correct, std::ssize(batch));
}

double Trainer::rate() const {
  return std::min(1.0, static_cast<double>(recipe_.train.batch) / static_cast<double>(task_.examples()));
}

Rng Trainer::secret(std::string_view stream) const {
  Rng rng;
  rng.key = state_.secret;
  return rng.split(stream).split(static_cast<uint64_t>(state_.epoch)).split(static_cast<uint64_t>(state_.step));
}

std::vector<int64_t> Trainer::private_batch() const {
  return poisson_sample(task_.examples(), rate(), secret("batch"));
}

double Trainer::epsilon() const {
  const int64_t steps = state_.epoch * steps_an_epoch_ + state_.step;
  return noise_ > 0 && steps > 0 ? epsilon_spent(rate(), noise_, steps, recipe_.privacy.delta) : 0;
}

double Trainer::learning_rate(double epoch) const {
  return std::ldexp(recipe_.optimizer.lr * schedule_.factor(epoch), -static_cast<int>(state_.returns));
}

std::vector<Tensor> Trainer::buffers() {
  std::vector<Tensor> out = buffers_;
  task_.visit_state([&](const std::string&, Tensor& tensor, bool) { out.push_back(tensor); });
  return out;
}

void Trainer::apply(double loss, int64_t correct, int64_t examples) {
  const bool look = Doctor::looks_at(optimizer_.steps() + 1);
  if (look) doctor_->before_step(optimizer_.norms());
  const double at =
      static_cast<double>(state_.epoch) + static_cast<double>(state_.step + 1) / static_cast<double>(steps_an_epoch_);
  const auto move = [&] { optimizer_.step(learning_rate(at)); };
  if (pruning_)
    pruning_->step(optimizer_.steps() + 1, at / static_cast<double>(recipe_.train.epochs), move);
  else
    move();
  optimizer_.clear_grads();
  if (look)
    for (evaluate::Remark& said : doctor_->after_step()) remark(std::move(said));

  const double pull =
      recipe_.train.average.pull(optimizer_.steps(), state_.averaged, at / static_cast<double>(recipe_.train.epochs));
  if (pull > 0) {
    const auto own = nn::named(net_);
    if (average_.empty()) average_ = copies(net_);
    ++state_.averaged;
    for (size_t i = 0; i < own.size(); ++i) {
      const auto into = average_[i].data<float>();
      const auto from = own[i].second.data<float>();
      for (size_t j = 0; j < into.size(); ++j) into[j] += static_cast<float>(pull) * (from[j] - into[j]);
      if (pruning_ && own[i].second.rank() >= 2) keep_zeros(own[i].second, average_[i]);
    }
  }

  state_.loss_sum += loss * static_cast<double>(examples);
  state_.examples += examples;
  state_.correct += correct;
  state_.bad = 0;
  ++state_.step;
}

void Trainer::remark(evaluate::Remark remark) {
  const int64_t step = std::min(state_.step + 1, steps_an_epoch_);  // behind the last it is of that one
  remark.en = fmt::format("epoch {}, step {}: {}", state_.epoch + 1, step, remark.en);
  remark.zh = fmt::format("第 {} 轮第 {} 步：{}", state_.epoch + 1, step, remark.zh);
  if (heard_) heard_(remark.en);
  if (state_.remarks.size() < most_remarks) state_.remarks.push_back(std::move(remark));
}

void Trainer::leave_out(const std::string& fault) {
  optimizer_.clear_grads();
  if (!forgiving_) return go_back(fault);
  if (++state_.bad >= bad_steps_in_a_row)
    return go_back(fmt::format("{} steps in a row went wrong, the last one so: {}", state_.bad, fault));
  remark({"left out", fault + ": this step is left out", fmt::format("数值出错，跳过这一步（{}）", fault)});
  ++state_.step;
}

void Trainer::go_back(const std::string& fault) {
  if (!forgiving_ || state_.returns >= most_returns)
    fail(ErrorKind::numeric, "train",
         "epoch {}, step {}: {}{}: lower optimizer.lr ({}), set train.clip: 1, or look at the data", state_.epoch + 1,
         std::min(state_.step + 1, steps_an_epoch_), fault,
         state_.returns > 0 ? fmt::format(", after {} returns with half the rate each", state_.returns) : "",
         recipe_.optimizer.lr);
  const State& then = earlier_.state;
  const int64_t returns = state_.returns + 1;
  remark({"went back",
          fmt::format("{}: back to epoch {}, step {}, and on with half the rate ({:.3g} of the recipe's)", fault,
                      then.epoch + 1, then.step + 1, std::ldexp(1.0, -static_cast<int>(returns))),
          fmt::format("{}：回到第 {} 轮第 {} 步，学习率减半（配方值的 {:.3g}）后继续", fault, then.epoch + 1,
                      then.step + 1, std::ldexp(1.0, -static_cast<int>(returns)))});
  size_t i = 0;
  each_tensor([&](const std::string&, Tensor& tensor) {
    if (i < earlier_.tensors.size()) copy_values(earlier_.tensors[i], tensor);
    ++i;
  });
  if (i > earlier_.tensors.size()) average_.clear();  // it had not begun then
  optimizer_.clear_grads();
  optimizer_.set_steps(earlier_.optimizer_steps);
  const double seconds = state_.seconds;
  std::vector<evaluate::Remark> remarks = std::move(state_.remarks);
  state_ = then;
  state_.seconds = seconds, state_.remarks = std::move(remarks), state_.returns = returns, state_.bad = 0;
}

void Trainer::remember() {
  earlier_ = {{}, state_, optimizer_.steps()};
  each_tensor([&](const std::string&, Tensor& tensor) { earlier_.tensors.push_back(tensor.clone()); });
}

void Trainer::each_tensor(const std::function<void(const std::string&, Tensor&)>& fn) {
  auto own = nn::named(net_);
  for (auto& [name, tensor] : own) fn("net." + name, tensor);
  optimizer_.visit([&](const std::string& name, Tensor& tensor) { fn("optimizer." + name, tensor); });
  task_.visit_state([&](const std::string& name, Tensor& tensor, bool) { fn("task." + name, tensor); });
  for (size_t i = 0; i < average_.size(); ++i) fn("average." + own[i].first, average_[i]);
}

void Trainer::take_average(int64_t epoch) {
  if (average_.empty()) return;
  put_into(net_, average_);
  if (recipe_.train.average.last > 0)
    renew_statistics(task_, recipe_.train.batch, recipe_.seed, epoch, recipe_.train.precision == "bf16");
}

void Trainer::with_average(const std::function<void()>& fn) {
  if (average_.empty()) return fn();
  const std::vector<Tensor> raw = copies(net_);
  take_average(state_.epoch);
  fn();
  put_into(net_, raw);
}

int64_t Trainer::kept_epoch() const { return best_.empty() ? state_.epoch : state_.best_epoch; }

void Trainer::keep_best() { best_ = copies(net_); }

bool Trainer::waited_enough() const {
  const int64_t patience = recipe_.train.early_stopping.patience;
  return patience > 0 && state_.waited >= patience;
}

void Trainer::end_epoch(std::span<const int64_t> sample, const Hooks& hooks) {
  const double started = now();
  // The last step of an epoch has no later loss to tell of it; a checkpoint or a model must not hold NaN.
  for (const auto& [name, tensor] : nn::named(net_))
    if (!sound(tensor))
      return go_back(
          fmt::format("{} is no longer finite after epoch {}, step {}", name, state_.epoch + 1, state_.step));
  if (Doctor::looks_after(state_.epoch + 1)) {
    const std::vector<Tensor> before = clones(buffers());
    for (evaluate::Remark& said : doctor_->outputs(task_, sample, moment())) remark(std::move(said));
    put_back(before, buffers());
  }
  evaluate::EpochPoint point;
  point.epoch = state_.epoch + 1;
  const auto examples = static_cast<double>(state_.examples);  // none when every step was left out
  point.train_loss = state_.loss_sum / examples;
  point.train_accuracy = static_cast<double>(state_.correct) / examples;
  point.learning_rate = learning_rate(static_cast<double>(state_.epoch + 1));
  bool best = false;
  if (task_.validates()) {
    with_average([&] {
      const tasks::Measure m = task_.validate();
      point.validation_loss = m.loss;
      point.validation_accuracy = m.accuracy;
      if (!std::isfinite(m.loss))
        fail(ErrorKind::numeric, "train",
             "the validation loss became {} in epoch {}: lower optimizer.lr ({}), or set train.clip", shown(m.loss),
             state_.epoch + 1, recipe_.optimizer.lr);
      if (pruning_ &&
          !pruning_->complete(static_cast<double>(state_.epoch + 1) / static_cast<double>(recipe_.train.epochs)))
        return;  // not yet the network that is wanted, whatever its score
      const double score = recipe_.train.early_stopping.monitor == "loss" ? -m.loss : m.accuracy;
      best = state_.best_epoch == 0 || score > state_.best_score;
      if (!best) {
        ++state_.waited;
        return;
      }
      state_.best_score = score;
      state_.best_epoch = state_.epoch + 1;
      state_.waited = 0;
      if (recipe_.train.keep == "best") keep_best();
    });
    schedule_.observe(point.validation_loss);
  }
  point.seconds = state_.epoch_seconds + now() - started;
  state_.history.push_back(point);
  if (recipe_.start_from.empty()) {  // one that has learned before may have little left to learn
    std::vector<double> losses;
    for (const auto& p : state_.history) losses.push_back(p.train_loss);
    for (evaluate::Remark& said : doctor_->losses(losses)) remark(std::move(said));
  }
  ++state_.epoch;
  state_.step = 0;
  state_.loss_sum = 0;
  state_.examples = state_.correct = 0;
  state_.epoch_seconds = 0;
  remember();
  if (hooks.epoch) hooks.epoch(point, best);
}

}  // namespace tandem::train
