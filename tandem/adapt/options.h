// What a recipe says of fitting a network that has learned before to a task of its own.
#pragma once
#include <tandem/nn/adapter.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::adapt {

/// Names and patterns (nn::fits) are those of tensors ("3.weight"); of layers their number in the network ("3") or
/// their kind ("lstm").
struct LoraOptions {
  int64_t rank = 8;
  double alpha = 16;
  std::vector<std::string> layers{"*"};   // which layers; those without a matrix are left out
  std::vector<std::string> tensors{"*"};  // which of a layer's own tensors: "*query*", "weight_ih*"
  void fields(Fields& f);
};

struct BottleneckOptions {
  int64_t units = 16;
  std::vector<std::string> layers{"*"};
  void fields(Fields& f);
};

/// Tensors whose names fit move at `rate` times the optimiser's; 0 freezes them.
struct RateRule {
  std::string tensors = "*";
  double rate = 1;
  void fields(Fields& f);
};

struct Options {
  std::vector<std::string> freeze;  // tensors that stay
  nn::Sequential head;              // layers in place of the last one; empty: as it was
  std::optional<LoraOptions> lora;  // with one of these two, only they and the new head are trained
  std::optional<BottleneckOptions> bottleneck;
  std::vector<RateRule> rates;  // the first that fits counts
  double unfreeze = 0;  // epochs: the last layer learns from the first, the one before it so much later, and so on
                        // (Howard and Ruder 2018); 0: all from the first
  void fields(Fields& f);
};

}  // namespace tandem::adapt
