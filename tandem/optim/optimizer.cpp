#include <tandem/autograd/tape.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/optim.h>
#include <tandem/optim/optimizer.h>

#include <cmath>

namespace tandem::optim {

void Options::fields(Fields& f) {
  f("type", type, {"sgd", "adam", "adamw", "rmsprop"});
  f("lr", lr, {0, 1e3});
  f("momentum", momentum, {0, 0.9999});
  f("nesterov", nesterov);
  f("weight_decay", weight_decay, {0, 1e3});
  f("decay_all", decay_all);
  f("beta1", beta1, {0, 0.9999999});
  f("beta2", beta2, {0, 0.9999999});
  f("alpha", alpha, {0, 0.9999999});
  f("epsilon", epsilon, {0, 1});
}

Optimizer::Optimizer(const Options& options, std::vector<Tensor> parameters)
    : options_(options), parameters_(std::move(parameters)) {
  const bool adam = options.type == "adam" || options.type == "adamw";
  if (!adam && options.type != "sgd" && options.type != "rmsprop")
    fail("optimizer", "type '{}' is not known; valid: sgd, adam, adamw, rmsprop", options.type);
  if (options.nesterov && (options.type != "sgd" || options.momentum == 0))
    fail("optimizer", "nesterov needs type sgd and a momentum above 0");
  if (adam && options.momentum != 0)
    fail("optimizer", "momentum belongs to sgd and rmsprop; {} has beta1", options.type);
  for (const Tensor& p : parameters_) {
    const bool keeps_first = adam || options.momentum != 0;
    first_.push_back(keeps_first ? Tensor::zeros(p.shape()) : Tensor{});
    second_.push_back(options.type == "sgd" ? Tensor{} : Tensor::zeros(p.shape()));
  }
}

void Optimizer::step(double lr) {
  ++steps_;
  const auto f = [](double value) { return static_cast<float>(value); };
  const auto t = static_cast<double>(steps_);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    const Tensor grad = grad_of(p);
    if (!grad.defined()) continue;
    Tensor scaled = grad;
    if (grad_scale_ != 1) {  // into new memory: a gradient may share its own with another, or with the caller's
      scaled = Tensor::empty(grad.shape());
      kernels::unary(kernels::Unary::scale, grad_scale_, grad.data<const float>(), scaled.data<float>());
    }
    const auto g = scaled.data<const float>();
    const double decay = options_.decay_all || p.rank() > 1 ? options_.weight_decay : 0;
    const auto first = first_[i].defined() ? first_[i].data<float>() : std::span<float>{};
    const auto second = second_[i].defined() ? second_[i].data<float>() : std::span<float>{};
    if (options_.type == "sgd") {
      kernels::sgd({f(lr), f(options_.momentum), f(decay), options_.nesterov}, g, first, p.data<float>());
    } else if (options_.type == "rmsprop") {
      kernels::rmsprop({options_.alpha, f(lr), f(options_.epsilon), f(options_.momentum), f(decay)}, g, second, first,
                       p.data<float>());
    } else {
      const bool decoupled = options_.type == "adamw";
      kernels::adam({options_.beta1, options_.beta2, f(lr), f(options_.epsilon), decoupled ? 0 : f(decay),
                     decoupled ? f(decay) : 0, f(1 - std::pow(options_.beta1, t)), f(1 - std::pow(options_.beta2, t))},
                    g, first, second, p.data<float>());
    }
  }
  grad_scale_ = 1;
}

void Optimizer::clear_grads() {
  for (const Tensor& p : parameters_) clear_grad(p);
  grad_scale_ = 1;
}

double Optimizer::clip(double limit) {
  double sum = 0;
  for (const Tensor& p : parameters_)
    if (const Tensor g = grad_of(p); g.defined()) sum += kernels::sum_of_squares(g.data<const float>());
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
