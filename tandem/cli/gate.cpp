#include <tandem/base/text.h>
#include <tandem/cli/gate.h>
#include <tandem/cli/terminal.h>

#include <charconv>
#include <map>

namespace tandem::cli {
namespace {

using Figure = double (*)(const train::Evaluation&);

const std::map<std::string, Figure>& figures() {
  using E = train::Evaluation;
  static const std::map<std::string, Figure> all{
      {"accuracy", [](const E& e) { return e.result.accuracy; }},
      {"loss", [](const E& e) { return e.result.loss; }},
      {"errors", [](const E& e) { return static_cast<double>(e.result.errors); }},
      {"ece", [](const E& e) { return e.result.ece; }},
      {"auc", [](const E& e) { return e.result.macro_auc; }},
      {"mcc", [](const E& e) { return e.result.mcc; }},
      {"balanced_accuracy", [](const E& e) { return e.result.balanced_accuracy; }},
      {"macro.precision", [](const E& e) { return e.result.macro.precision; }},
      {"macro.recall", [](const E& e) { return e.result.macro.recall; }},
      {"macro.f1", [](const E& e) { return e.result.macro.f1; }},
      {"answered", [](const E& e) { return e.deferral ? e.deferral->share : 1; }},
      {"answered.accuracy", [](const E& e) { return e.deferral ? e.deferral->accuracy : e.result.accuracy; }},
      {"weighted.f1", [](const E& e) { return e.result.weighted.f1; }},
  };
  return all;
}

}  // namespace

std::vector<Gate> parse_gates(const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const auto& [name, figure] : figures()) names.push_back(name);
  std::vector<Gate> out;
  for (const std::string& text : texts) {
    const size_t at = text.find_first_of("<>");
    Gate gate;
    if (at != std::string::npos && at + 2 < text.size() && text[at + 1] == '=') {
      gate.figure = text.substr(0, at);
      gate.at_least = text[at] == '>';
      const char* end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data() + at + 2, end, gate.bound);
      if (error == std::errc{} && stop == end && figures().contains(gate.figure)) {
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

int check_gates(const std::vector<std::string>& texts, const train::Evaluation& evaluation) {
  int code = 0;
  for (const Gate& gate : parse_gates(texts)) {
    const double value = figures().at(gate.figure)(evaluation);
    const bool met = gate.at_least ? value >= gate.bound : value <= gate.bound;
    if (met) continue;
    say(fmt::format("gate missed: {} is {:.5g}, required {} {:g}", gate.figure, value,
                    gate.at_least ? "at least" : "at most", gate.bound));
    code = 4;
  }
  return code;
}

}  // namespace tandem::cli
