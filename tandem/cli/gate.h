// Quality gates: --require accuracy>=0.97.
#pragma once
#include <tandem/train/run.h>

#include <string>
#include <vector>

namespace tandem::cli {

struct Gate {
  std::string figure;
  bool at_least = true;
  double bound = 0;
};

/// Throws a usage error for a figure or form that does not exist.
[[nodiscard]] std::vector<Gate> parse_gates(const std::vector<std::string>& texts);

/// Says each missed gate on stderr; 0 when all are met, else 4.
[[nodiscard]] int check_gates(const std::vector<std::string>& texts, const train::Evaluation& evaluation);

}  // namespace tandem::cli
