#include <tandem/autograd/tape.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/optim.h>
#include <tandem/nn/parts.h>
#include <tandem/ops/cast.h>
#include <tandem/train/doctor.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace tandem::train {
namespace {

// Far outside of what the trainings of recipes/ show, so that a training that is well is left alone: there the weakest
// gradient of a weight is some 1e-3 of the strongest, and a step moves a weight by less than a tenth of its size.
constexpr double vanished = 1e-6;     // of the strongest gradient, a number
constexpr double exploded = 1e3;      // norm of all gradients to that of all weights
constexpr double leap = 3;            // size of a step to that of what it moves
constexpr double same_share = 0.9;    // of a layer's units
constexpr double stuck_loss = 0.995;  // of the first epoch's

double norm(const Tensor& t) { return std::sqrt(kernels::sum_of_squares(t.data<const float>())); }

double root_mean_square(double norm_of_all, const Tensor& t) {
  return norm_of_all / std::sqrt(static_cast<double>(std::max<int64_t>(t.numel(), 1)));
}

/// Units (of the last axis) that gave nearly one value for every row, where the function ends.
int64_t silent_units(const Tensor& y, const std::string& kind) {
  const Tensor wide = widened(y);
  const auto values = wide.data<const float>();
  const auto units = static_cast<size_t>(wide.size(-1));
  std::vector<float> least(units, INFINITY), most(units, -INFINITY);
  for (size_t i = 0; i < values.size(); ++i) {
    least[i % units] = std::min(least[i % units], values[i]);
    most[i % units] = std::max(most[i % units], values[i]);
  }
  const float low = kind == "relu" ? 0 : kind == "tanh" ? -0.999F : 0.001F, high = kind == "relu" ? INFINITY : 0.999F;
  int64_t silent = 0;
  for (size_t unit = 0; unit < units; ++unit) silent += most[unit] <= low || least[unit] >= high;
  return silent;
}

}  // namespace

Doctor::Doctor(std::vector<std::string> names, std::vector<Tensor> learning, const std::vector<evaluate::Remark>& said,
               Counts wrong)
    : names_(std::move(names)), learning_(std::move(learning)), wrong_(std::move(wrong)) {
  for (const evaluate::Remark& remark : said) said_.insert(remark.about);
}

bool Doctor::looks_at(int64_t step) {
  return step % 64 == 0 || (step < 64 && std::has_single_bit(static_cast<uint64_t>(step)));
}
bool Doctor::looks_after(int64_t epoch) { return std::has_single_bit(static_cast<uint64_t>(epoch)); }

void Doctor::complain(std::vector<evaluate::Remark>& out, bool wrong, int in_a_row, evaluate::Remark remark) {
  int& times = wrong_[remark.about];
  times = wrong ? times + 1 : 0;
  if (times >= in_a_row && said_.insert(remark.about).second) out.push_back(std::move(remark));
}

void Doctor::before_step(std::span<const double> gradients) {
  gradients_.assign(gradients.begin(), gradients.end());
  before_.clear();
  for (const Tensor& t : learning_) before_.push_back(t.clone());
}

std::vector<evaluate::Remark> Doctor::after_step() {
  std::vector<evaluate::Remark> out;
  double all_gradients = 0, all_weights = 0, moved = 0;
  size_t weakest = names_.size(), strongest = names_.size(), farthest = names_.size();
  double farthest_move = 0;
  const auto strength = [&](size_t i) { return root_mean_square(gradients_[i], learning_[i]); };
  for (size_t i = 0; i < names_.size(); ++i) {
    const double size = norm(before_[i]);
    const Tensor step = Tensor::empty(learning_[i].shape());
    kernels::binary(kernels::Binary::sub, learning_[i].data<const float>(), before_[i].data<const float>(),
                    step.data<float>());
    const double move = norm(step);
    all_gradients += gradients_[i] * gradients_[i], all_weights += size * size, moved += move;
    if (learning_[i].rank() < 2) continue;  // biases and scales begin where they like
    if (weakest == names_.size() || strength(i) < strength(weakest)) weakest = i;
    if (strongest == names_.size() || strength(i) > strength(strongest)) strongest = i;
    if (root_mean_square(size, learning_[i]) > 1e-3 && move / size > farthest_move)
      farthest = i, farthest_move = move / size;
  }
  before_.clear();
  if (strongest == names_.size()) return out;

  complain(
      out, strength(strongest) > 0 && strength(weakest) < vanished * strength(strongest), 3,
      {"vanishing",
       fmt::format("the gradient vanishes on its way back: at {} it is {:.1e}, at {} {:.1e}: the layers there hardly "
                   "learn. Use relu or gelu in place of sigmoid and tanh, batch_norm or residual, or fewer layers",
                   names_[weakest], strength(weakest), names_[strongest], strength(strongest)),
       fmt::format(
           "梯度在回传途中消失：{} 处只有 {:.1e}，而 {} 处为 {:.1e}，前者几乎学不到东西。可用 relu 或 gelu 代替 "
           "sigmoid 与 tanh，加入 batch_norm 或 residual，或减少层数",
           names_[weakest], strength(weakest), names_[strongest], strength(strongest))});
  complain(
      out, all_gradients > exploded * exploded * std::max(all_weights, 1.0), 2,
      {"exploding",
       fmt::format("the gradients explode: their norm is {:.1e}, that of the weights {:.1e}. Lower optimizer.lr, set "
                   "train.clip: 1, or begin with smaller weights",
                   std::sqrt(all_gradients), std::sqrt(all_weights)),
       fmt::format("梯度爆炸：梯度范数为 {:.1e}，权重范数为 {:.1e}。请调小 optimizer.lr，设置 train.clip: 1，"
                   "或用更小的初始权重",
                   std::sqrt(all_gradients), std::sqrt(all_weights))});
  complain(out, farthest_move > leap, 1,
           {"leaping",
            fmt::format("a step moves {} by {:.3g} times its own size, so it forgets what it knew: lower optimizer.lr",
                        farthest < names_.size() ? names_[farthest] : "", farthest_move),
            fmt::format("每一步使 {} 的变化达到其自身大小的 {:.3g} 倍，学到的东西随即丢失：请调小 optimizer.lr",
                        farthest < names_.size() ? names_[farthest] : "", farthest_move)});
  complain(out, moved == 0, 3,
           {"still", "no weight moves at all: is optimizer.lr 0, or too small to change a float32?",
            "所有权重都没有变化：optimizer.lr 是否为 0，或小到不足以改变 float32？"});
  return out;
}

std::vector<evaluate::Remark> Doctor::outputs(tasks::Task& task, std::span<const int64_t> batch,
                                              const tasks::Moment& at) {
  const NoGrad off;
  std::map<const nn::Module*, std::string> names;
  nn::each_part(task.network(), [&](const std::string& name, nn::Module& layer) {
    names.emplace(&layer, name.empty() ? name : name.substr(0, name.size() - 1));
  });
  std::vector<evaluate::Remark> out;
  nn::Pass pass;
  pass.each = [&](nn::Module& layer, const Tensor& x, nn::Pass& p) {
    const Tensor y = layer.forward(x, p);
    const std::string kind = layer.kind();
    if ((kind != "relu" && kind != "sigmoid" && kind != "tanh") || y.numel() < 32 * y.size(-1)) return y;
    const int64_t silent = silent_units(y, kind), units = y.size(-1);
    const bool all = silent == units;
    complain(out, static_cast<double>(silent) > same_share * static_cast<double>(units), all ? 1 : 2,
             {"silent:" + names[&layer],
              fmt::format("{} of {} units of layer {} ({}) {}, whatever they are given: they cannot learn. Lower "
                          "optimizer.lr, or put batch_norm before it",
                          silent, units, names[&layer], kind,
                          kind == "relu" ? "are dead: they say 0" : "are stuck at an end"),
              fmt::format("第 {} 层（{}）的 {} 个单元中有 {} 个{}，无论输入什么都不变，因而学不到东西。请调小 "
                          "optimizer.lr，或在其前加入 batch_norm",
                          names[&layer], kind, units, silent, kind == "relu" ? "已死（恒为 0）" : "停在函数的一端")});
    return y;
  };
  (void)task.loss(batch, at, pass);
  return out;
}

std::vector<evaluate::Remark> Doctor::losses(std::span<const double> epochs) {
  std::vector<evaluate::Remark> out;
  if (epochs.size() < 4) return out;
  const double first = epochs.front(), least = std::ranges::min(epochs);
  complain(
      out, first > 0 && least > stuck_loss * first, 1,
      {"stuck",
       fmt::format("the training loss does not move: {:.4g} in epoch 1, {:.4g} in epoch {}. Try another "
                   "optimizer.lr (`tandem tune` finds one), and look at the labels with `tandem data check`",
                   first, epochs.back(), epochs.size()),
       fmt::format("训练损失没有下降：第 1 轮为 {:.4g}，第 {} 轮为 {:.4g}。请换一个 optimizer.lr（可用 `tandem tune` "
                   "寻找），并用 `tandem data check` 检查标签",
                   first, epochs.size(), epochs.back())});
  return out;
}

}  // namespace tandem::train
