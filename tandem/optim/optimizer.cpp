#include <tandem/autograd/tape.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/optim.h>
#include <tandem/kernels/orthogonal.h>
#include <tandem/optim/optimizer.h>

#include <algorithm>
#include <cmath>

namespace tandem::optim {

void Options::fields(Fields& f) {
  f("type", type, {"sgd", "adam", "adamw", "rmsprop", "muon"});
  f("lr", lr, {0, 1e3});
  f("momentum", momentum, {0, 0.9999});
  f("nesterov", nesterov);
  f("weight_decay", weight_decay, {0, 1e3});
  f("decay_all", decay_all);
  f("beta1", beta1, {0, 0.9999999});
  f("beta2", beta2, {0, 0.9999999});
  f("alpha", alpha, {0, 0.9999999});
  f("epsilon", epsilon, {0, 1});
  f("keep_norm", keep_norm);
}

namespace {

bool is_adam(const Options& options, const Tensor& p) {
  return options.type == "adam" || options.type == "adamw" || (options.type == "muon" && p.rank() < 2);
}

// One step of Muon for p as a (first axis, rest) matrix; `v` is the momentum.
void muon(const Options& options, float lr, float decay, std::span<const float> g, std::span<float> v,
          const Tensor& p) {
  const int64_t rows = p.size(0), cols = rows == 0 ? 0 : p.numel() / rows;
  const Tensor direction = Tensor::zeros(p.shape()), flat = Tensor::empty(p.shape());
  // Zeros moved by rate -1: g + momentum v (Nesterov) or v.
  kernels::sgd({-1, static_cast<float>(options.momentum), 0, options.nesterov}, g, v, direction.data<float>());
  kernels::orthogonalize(rows, cols, direction.data<const float>(), flat.data<float>(), options.bf16);
  // The root mean square of an orthogonal matrix is 1 / sqrt(longer side): this makes it 0.2, as AdamW's steps have.
  const float scale = 0.2F * std::sqrt(static_cast<float>(std::max(rows, cols)));
  const bool keep = options.keep_norm && p.rank() == 4;
  const double before = keep ? kernels::sum_of_squares(p.data<const float>()) : 0;
  kernels::sgd({lr * scale, 0, decay / scale, false}, flat.data<const float>(), {}, p.data<float>());
  if (before > 0)
    kernels::unary(kernels::Unary::scale, std::sqrt(before / kernels::sum_of_squares(p.data<const float>())),
                   p.data<const float>(), p.data<float>());
}

}  // namespace

Optimizer::Optimizer(const Options& options, std::vector<Tensor> parameters)
    : options_(options), parameters_(std::move(parameters)), rates_(parameters_.size(), 1) {
  const bool adam = options.type == "adam" || options.type == "adamw", is_muon = options.type == "muon";
  if (!adam && !is_muon && options.type != "sgd" && options.type != "rmsprop")
    fail("optimizer", "type '{}' is not known; valid: sgd, adam, adamw, rmsprop, muon", options.type);
  if (options.nesterov && ((options.type != "sgd" && !is_muon) || options.momentum == 0))
    fail("optimizer", "nesterov needs type sgd or muon and a momentum above 0");
  if (adam && options.momentum != 0)
    fail("optimizer", "momentum belongs to sgd, rmsprop and muon; {} has beta1", options.type);
  if (is_muon && options.momentum == 0) fail("optimizer", "muon needs a momentum above 0; 0.95 is usual");
  if (options.keep_norm && !is_muon) fail("optimizer", "keep_norm belongs to muon");
  for (const Tensor& p : parameters_) {
    const bool adam_here = is_adam(options, p);
    const bool keeps_first = adam_here || options.momentum != 0, keeps_second = adam_here || options.type == "rmsprop";
    first_.push_back(keeps_first ? Tensor::zeros(p.shape()) : Tensor{});
    second_.push_back(keeps_second ? Tensor::zeros(p.shape()) : Tensor{});
  }
}

void Optimizer::step(double lr) {
  ++steps_;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor grad = grad_of(parameters_[i]);
    if (!grad.defined() || rates_[i] == 0) continue;
    Tensor scaled = grad;
    if (grad_scale_ != 1) {  // into new memory: a gradient may share its own with another, or with the caller's
      scaled = Tensor::empty(grad.shape());
      kernels::unary(kernels::Unary::scale, grad_scale_, grad.data<const float>(), scaled.data<float>());
    }
    update(i, scaled.data<const float>(), static_cast<float>(lr * rates_[i]));
  }
  grad_scale_ = 1;
}

void Optimizer::set_rates(std::vector<double> rates) {
  if (rates.size() != parameters_.size())
    fail("optimizer", "{} rates given for {} parameters", rates.size(), parameters_.size());
  rates_ = std::move(rates);
}

void Optimizer::update(size_t index, std::span<const float> g, float lr) {
  const Tensor& p = parameters_[index];
  const auto state = [](const Tensor& t) { return t.defined() ? t.data<float>() : std::span<float>{}; };
  const auto first = state(first_[index]), second = state(second_[index]);
  const auto f = [](double value) { return static_cast<float>(value); };
  const float decay = options_.decay_all || p.rank() > 1 ? f(options_.weight_decay) : 0;
  if (is_adam(options_, p)) {
    const bool coupled = options_.type == "adam";
    const auto t = static_cast<double>(steps_);
    kernels::adam({options_.beta1, options_.beta2, lr, f(options_.epsilon), coupled ? decay : 0, coupled ? 0 : decay,
                   f(1 - std::pow(options_.beta1, t)), f(1 - std::pow(options_.beta2, t))},
                  g, first, second, p.data<float>());
  } else if (options_.type == "sgd") {
    kernels::sgd({lr, f(options_.momentum), decay, options_.nesterov}, g, first, p.data<float>());
  } else if (options_.type == "rmsprop") {
    kernels::rmsprop({options_.alpha, lr, f(options_.epsilon), f(options_.momentum), decay}, g, second, first,
                     p.data<float>());
  } else {
    muon(options_, lr, decay, g, first, p);
  }
}

void Optimizer::clear_grads() {
  for (const Tensor& p : parameters_) clear_grad(p);
  grad_scale_ = 1;
}

double Optimizer::clip(double limit) {
  double sum = 0;
  norms_.assign(parameters_.size(), 0);
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (const Tensor g = grad_of(parameters_[i]); g.defined() && rates_[i] > 0) {
      const double squares = kernels::sum_of_squares(g.data<const float>());
      norms_[i] = std::sqrt(squares);
      sum += squares;
    }
  const double norm = std::sqrt(sum);
  grad_scale_ = limit > 0 && norm > limit ? limit / norm : 1;
  return norm;
}

void Optimizer::visit(const std::function<void(const std::string&, Tensor&)>& visitor) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (first_[i].defined()) visitor(fmt::format("{}.first", i), first_[i]);
    if (second_[i].defined()) visitor(fmt::format("{}.second", i), second_[i]);
  }
}

}  // namespace tandem::optim
