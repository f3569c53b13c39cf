#include <tandem/base/text.h>
#include <tandem/cli/gate.h>
#include <tandem/cli/terminal.h>

#include <algorithm>
#include <charconv>

namespace tandem::cli {
std::vector<Gate> parse_gates(const std::vector<std::string>& texts, const std::vector<std::string>& names) {
  std::vector<Gate> out;
  for (const std::string& text : texts) {
    const size_t at = text.find_first_of("<>");
    Gate gate;
    if (at != std::string::npos && at + 2 < text.size() && text[at + 1] == '=') {
      gate.figure = text.substr(0, at);
      gate.at_least = text[at] == '>';
      const char* end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data() + at + 2, end, gate.bound);
      if (error == std::errc{} && stop == end && std::ranges::find(names, gate.figure) != names.end()) {
        out.push_back(gate);
        continue;
      }
    }
    const std::string near = nearest_name(gate.figure, names);
    fail("--require", "'{}' is no gate{}: write FIGURE>=NUMBER or FIGURE<=NUMBER with a figure of {}", text,
         near.empty() || near == gate.figure ? "" : fmt::format(" (did you mean '{}'?)", near), join(names));
  }
  return out;
}

int check_gates(const std::vector<Gate>& gates, const std::map<std::string, double>& figures) {
  int code = 0;
  for (const Gate& gate : gates) {
    const double value = figures.at(gate.figure);
    const bool met = gate.at_least ? value >= gate.bound : value <= gate.bound;
    if (met) continue;
    say(fmt::format("gate missed: {} is {:.5g}, required {} {:g}", gate.figure, value,
                    gate.at_least ? "at least" : "at most", gate.bound));
    code = 4;
  }
  return code;
}

}  // namespace tandem::cli
