// Quality gates: --require accuracy>=0.97.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace tandem::cli {

struct Gate {
  std::string figure;
  bool at_least = true;
  double bound = 0;
};

/// Throws a usage error for another form, or a figure that is none of `names`.
[[nodiscard]] std::vector<Gate> parse_gates(const std::vector<std::string>& texts,
                                            const std::vector<std::string>& names);

/// Says each missed gate on stderr; 0 when all are met, else 4.
[[nodiscard]] int check_gates(const std::vector<Gate>& gates, const std::map<std::string, double>& figures);

}  // namespace tandem::cli
