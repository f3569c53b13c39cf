// What a search may change: numbers in ranges and choices, for keys of a recipe and for variables of its templates.
#pragma once
#include <tandem/base/config.h>
#include <tandem/base/random.h>

#include <map>
#include <span>
#include <string>
#include <vector>

namespace tandem::improve {

/// A value for each parameter of a space, NaN for those that are not there: a number itself, a choice by its index.
using Point = std::vector<double>;

/// Holds when another parameter, which stands before this one, is there and has one of these values.
struct Condition {
  size_t parameter = 0;
  double low = 0, high = 0;      // of a number; both ends included
  std::vector<double> choices{};  // of a choice, by index; empty for a number
  [[nodiscard]] bool holds(const Point& point) const;
};

/// One thing to choose. Samplers see it as u in [0, 1], on a log scale when it says so.
struct Parameter {
  std::string name;                    // a recipe's key (optimizer.lr), or a variable ($layers; $units.2 of layer 2)
  double low = 0, high = 1;            // of a number
  double step = 0;                     // only low, low + step, …; 0: any number
  bool log = false;
  std::vector<std::string> choices{};  // YAML in one line; empty: a number
  std::vector<Condition> when{};       // all must hold, or the parameter is not there

  [[nodiscard]] bool is_choice() const { return !choices.empty(); }
  /// How many values there are; 0: a continuum.
  [[nodiscard]] int64_t levels() const;
  [[nodiscard]] double at(double u) const;
  [[nodiscard]] double unit(double value) const;  // of a choice: the middle of its part of [0, 1]
  [[nodiscard]] std::string text(double value) const;
};

class Space {
 public:
  Space() = default;
  explicit Space(std::vector<Parameter> parameters) : parameters_(std::move(parameters)) {}

  /// Reads `space:` and `set:` of a recipe's `search:` (docs/tuning.md). Throws a usage error with file and line for
  /// what is unknown, empty or contradicts itself.
  [[nodiscard]] static Space read(const Config& search);

  /// In an order in which conditions look back only.
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  [[nodiscard]] size_t size() const { return parameters_.size(); }
  [[nodiscard]] bool is_there(size_t parameter, const Point& point) const;

  /// Uniform over what is there.
  [[nodiscard]] Point draw(Rng& rng) const;

  /// The recipe at a point: `base` with the keys of the space set, and templates filled in; `search:` is left out.
  [[nodiscard]] Config recipe(const Config& base, const Point& point) const;

  /// Throws a usage error at the place in the file when a value of a parameter, or every one of many points drawn, makes
  /// a recipe that `valid` throws on.
  void check(const Config& base, const std::function<void(const Config&)>& valid) const;

  /// Name and text of each parameter that is there, and back. A value that no longer fits is a data error.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> texts(const Point& point) const;
  [[nodiscard]] Point point(const std::map<std::string, std::string>& texts, const std::string& where) const;

 private:
  [[nodiscard]] size_t find(const std::string& name) const;  // size() when there is none
  [[nodiscard]] Config filled(const Config& part, const Point& point, int64_t layer) const;
  [[nodiscard]] Config value_of(const Config& scalar, const Point& point, int64_t layer) const;

  std::vector<Parameter> parameters_;
  std::vector<Config> places_;  // where each stands in its file
  Config templates_;            // a map: key of the recipe, what it is made from
};

}  // namespace tandem::improve
