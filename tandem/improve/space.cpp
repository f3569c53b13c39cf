#include <tandem/base/text.h>
#include <tandem/improve/space.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace tandem::improve {
namespace {

constexpr int64_t most_layers = 64;  // that `each:` and `repeat:` may unfold to

// A value as YAML in one line, so that it can stand after key= and in a table.
std::string one_line(const Config& node) {
  std::vector<std::string> parts;
  if (node.is_list()) {
    for (const Config& item : node.items()) parts.push_back(one_line(item));
    return "[" + join(parts) + "]";
  }
  if (node.is_map()) {
    for (const auto& [key, value] : node.entries()) parts.push_back(key + ": " + one_line(value));
    return "{" + join(parts) + "}";
  }
  std::string text = node.is_null() ? "null\n" : node.str();
  text.pop_back();
  return text;
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Six digits are more than any setting needs, and read well in a recipe.
double shortened(double value) { return std::stod(fmt::format("{:.6g}", value)); }

bool is_variable(const std::string& name) { return name.starts_with('$'); }

// Every variable that a template uses.
void collect(const Config& part, std::vector<std::string>& names) {
  if (part.is_scalar() && is_variable(part.text())) names.push_back(part.text());
  for (const Config& item : part.items()) collect(item, names);
  for (const auto& [key, value] : part.entries()) collect(value, names);
}

// What stands below a parameter's name.
struct Entry {
  double low = std::nan(""), high = std::nan(""), step = 0;
  bool log = false;
  std::string each;
  Config choices, when;
  void fields(Fields& f) {
    f("low", low);
    f("high", high);
    f("step", step, {0, 1e300});
    f("log", log);
    f.custom(
        "choices", [&](const Config& node) { choices = node; }, [] { return Config(); });
    f.custom(
        "when", [&](const Config& node) { when = node; }, [] { return Config(); });
    f("each", each);
  }
};

Parameter parameter_of(const std::string& name, const Entry& entry, const Config& node) {
  Parameter p{.name = name};
  if (!entry.choices.is_null()) {
    if (!std::isnan(entry.low) || !std::isnan(entry.high) || entry.log || entry.step > 0)
      node.fail(fmt::format("{} has choices and a range: leave one of them out", name));
    for (const Config& item : entry.choices.items()) {
      const std::string text = one_line(item);
      if (std::ranges::find(p.choices, text) != p.choices.end())
        item.fail(fmt::format("{}: the choice {} stands twice", name, text));
      p.choices.push_back(text);
    }
    if (p.choices.empty())
      entry.choices.fail(fmt::format("{}: choices must be a list with at least one value, as in [32, 64]", name));
    return p;
  }
  if (std::isnan(entry.low) || std::isnan(entry.high))
    node.fail(fmt::format("{} needs low and high, or choices: [a, b, …]", name));
  p.low = entry.low, p.high = entry.high, p.step = entry.step, p.log = entry.log;
  if (p.low > p.high)
    node.fail(fmt::format("{}: low {} lies above high {}: nothing lies between; swap them", name, p.low, p.high));
  if (p.log && p.low <= 0)
    node.fail(fmt::format("{}: a log scale starts above 0, but low is {}: raise low or leave log out", name, p.low));
  if (p.step > p.high - p.low && p.high > p.low)
    node.fail(fmt::format("{}: step {} is wider than the range {} to {}: make it smaller", name, p.step, p.low,
                          p.high));
  if (p.step > 0)  // the range ends where a step lands
    p.high = shortened(p.low + p.step * std::floor((p.high - p.low) / p.step + 1e-9));
  return p;
}

// `when: {optimizer.type: [sgd, muon], $layers: {low: 2}}`
struct Wanted {
  std::string parameter;
  Config values;
};

Condition condition_of(const Parameter& other, size_t index, const Config& values, const std::string& name) {
  Condition out{.parameter = index};
  if (other.is_choice()) {
    const std::vector<Config> items = values.is_list() ? values.items() : std::vector<Config>{values};
    for (const Config& item : items) {
      const std::string text = one_line(item);
      const auto at = std::ranges::find(other.choices, text);
      if (at == other.choices.end()) {
        const std::string near = nearest_name(text, other.choices);
        item.fail(fmt::format("{} is there when {} is {}, but its choices are {}{}", name, other.name, text,
                              join(other.choices), near.empty() ? "" : fmt::format(": did you mean {}?", near)));
      }
      out.choices.push_back(static_cast<double>(at - other.choices.begin()));
    }
    if (out.choices.empty()) values.fail(fmt::format("{} is never there: name a choice of {}", name, other.name));
    return out;
  }
  struct Bounds {
    double low = -1e300, high = 1e300;
    void fields(Fields& f) {
      f("low", low);
      f("high", high);
    }
  } bounds;
  if (values.is_scalar()) {
    const auto value = number_of(values.text());
    if (!value) values.fail(fmt::format("{}: expected a number or {{low: …, high: …}} for {}", name, other.name));
    bounds.low = bounds.high = *value;
  } else {
    Fields::read(values, bounds, "when");
  }
  out.low = bounds.low, out.high = bounds.high;
  if (out.low > other.high || out.high < other.low || out.low > out.high)
    values.fail(fmt::format("{} is never there: {} goes from {} to {}", name, other.name, other.low, other.high));
  return out;
}

}  // namespace

bool Condition::holds(const Point& point) const {
  const double value = point[parameter];
  if (std::isnan(value)) return false;
  if (!choices.empty()) return std::ranges::find(choices, value) != choices.end();
  return value >= low && value <= high;
}

int64_t Parameter::levels() const {
  if (is_choice()) return std::ssize(choices);
  if (low == high) return 1;
  return step > 0 ? std::llround((high - low) / step) + 1 : 0;
}

// With steps, each value has its share of [0, 1], that of the ends too: the range is half a step wider on both sides.
double Parameter::at(double u) const {
  u = std::clamp(u, 0.0, 1.0);
  if (is_choice()) {
    const auto n = static_cast<double>(choices.size());
    return std::min(std::floor(u * n), n - 1);
  }
  double from = low - step / 2, to = high + step / 2;
  if (log && from <= 0) from = low / 2;
  double value = log ? std::exp(std::log(from) + u * (std::log(to) - std::log(from))) : from + u * (to - from);
  if (step > 0) value = low + step * std::round((value - low) / step);
  return std::clamp(shortened(value), low, high);
}

double Parameter::unit(double value) const {
  if (is_choice()) return (value + 0.5) / static_cast<double>(choices.size());
  double from = low - step / 2, to = high + step / 2;
  if (log && from <= 0) from = low / 2;
  if (from == to) return 0.5;
  return log ? (std::log(value) - std::log(from)) / (std::log(to) - std::log(from)) : (value - from) / (to - from);
}

std::string Parameter::text(double value) const {
  return is_choice() ? choices.at(static_cast<size_t>(value)) : fmt::format("{}", value);
}

Space Space::read(const Config& search) {
  const Config entries = search.get("space");
  if (entries.is_null() || entries.entries().empty())
    (entries.is_null() ? search : entries)
        .fail("search.space is empty: name keys of the recipe, as in `optimizer.lr: {low: 1e-4, high: 1e-1, log: true}`");

  struct Raw {
    Parameter parameter;
    Config node;
    std::vector<Wanted> wanted;
  };
  std::vector<Raw> raw;
  for (const auto& [name, node] : entries.entries()) {
    if (!node.is_map())
      node.fail(fmt::format("{}: expected {{low: …, high: …}} or {{choices: […]}}", name));
    Entry entry;
    Fields::read(node, entry, "search.space." + name);
    std::vector<Wanted> wanted;
    for (const auto& [other, values] : entry.when.entries()) wanted.push_back({other, values});
    if (!entry.when.is_null() && wanted.empty())
      entry.when.fail(fmt::format("{}: when says on what it depends, as in `when: {{optimizer.type: sgd}}`", name));
    if (entry.each.empty()) {
      raw.push_back({parameter_of(name, entry, node), node, wanted});
      continue;
    }
    const Config counter = entries.get(entry.each);
    Entry count;
    if (!is_variable(name)) node.fail(fmt::format("{}: each is for variables, whose names start with $", name));
    if (counter.is_map()) Fields::read(counter, count, "search.space." + entry.each);
    if (!counter.is_map() || !(count.step >= 1) || count.step != std::floor(count.step) ||
        count.low != std::floor(count.low) || count.high > static_cast<double>(most_layers))
      node.fail(fmt::format("{}: each: {} must name a number of the space with step: 1 and high of at most {}", name,
                            entry.each, most_layers));
    for (int64_t i = 1; i <= static_cast<int64_t>(count.high); ++i) {
      std::vector<Wanted> own = wanted;
      own.push_back({entry.each, Config::parse(fmt::format("{{low: {}}}", i), "each")});
      raw.push_back({parameter_of(fmt::format("{}.{}", name, i), entry, node), node, own});
    }
  }

  Space out;
  const auto names = [&] {
    std::vector<std::string> all;
    for (const Raw& r : raw) all.push_back(r.parameter.name);
    return all;
  };
  std::vector<bool> placed(raw.size());
  for (size_t done = 0; done < raw.size();) {  // parents first, in the file's order otherwise
    const size_t before = done;
    for (size_t i = 0; i < raw.size(); ++i) {
      if (placed[i]) continue;
      std::vector<Condition> when;
      bool ready = true;
      for (const Wanted& w : raw[i].wanted) {
        const size_t at = out.find(w.parameter);
        if (at == out.size()) {
          ready = false;
          const auto all = names();
          if (std::ranges::find(all, w.parameter) != all.end()) continue;
          const std::string near = nearest_name(w.parameter, all);
          w.values.fail(fmt::format("{} depends on {}, which is not in search.space{}", raw[i].parameter.name,
                                    w.parameter, near.empty() ? "" : fmt::format(": did you mean {}?", near)));
        } else {
          when.push_back(condition_of(out.parameters_[at], at, w.values, raw[i].parameter.name));
        }
      }
      if (!ready) continue;
      raw[i].parameter.when = when;
      out.parameters_.push_back(raw[i].parameter);
      out.places_.push_back(raw[i].node);
      placed[i] = true;
      ++done;
    }
    if (done == before) {
      const auto at = static_cast<size_t>(std::ranges::find(placed, false) - placed.begin());
      raw[at].node.fail(fmt::format("{} depends, by way of others, on itself: take one `when` out",
                                    raw[at].parameter.name));
    }
  }

  out.templates_ = search.get("set");
  if (!out.templates_.is_null() && !out.templates_.is_map())
    out.templates_.fail("search.set: expected keys of the recipe with what they are made from");
  std::vector<std::string> used;
  collect(out.templates_, used);
  for (const auto& [name, node] : entries.entries())
    if (is_variable(name) && std::ranges::find(used, name) == used.end())
      node.fail(fmt::format("{} is used nowhere in search.set: use it there, or take it out", name));
  std::vector<std::pair<std::string, Config>> keys = out.templates_.entries();
  for (size_t i = 0; i < out.size(); ++i)
    if (!is_variable(out.parameters_[i].name)) keys.emplace_back(out.parameters_[i].name, out.places_[i]);
  for (const auto& [key, node] : keys)
    for (const auto& [other, unused] : keys)
      if (&other != &key && (key == other || key.starts_with(other + ".")))
        node.fail(key == other ? fmt::format("{} stands in search.space and in search.set", key)
                               : fmt::format("{} lies inside {}, which the search sets too: leave one out", key, other));
  return out;
}

size_t Space::find(const std::string& name) const {
  const auto at = std::ranges::find(parameters_, name, &Parameter::name);
  return static_cast<size_t>(at - parameters_.begin());
}

bool Space::is_there(size_t parameter, const Point& point) const {
  return std::ranges::all_of(parameters_[parameter].when, [&](const Condition& c) { return c.holds(point); });
}

Point Space::draw(Rng& rng) const {
  Point out(size(), std::nan(""));
  for (size_t i = 0; i < size(); ++i) {
    const double u = rng.uniform();  // drawn also for what is not there: others do not depend on it
    if (is_there(i, out)) out[i] = parameters_[i].at(u);
  }
  return out;
}

// ---- Templates

Config Space::value_of(const Config& scalar, const Point& point, int64_t layer) const {
  const std::string name = scalar.text();
  if (!is_variable(name)) return scalar;
  size_t at = find(name);
  if (at == size()) at = find(fmt::format("{}.{}", name, layer));
  if (at == size()) {
    std::vector<std::string> names;
    for (const Parameter& p : parameters_)
      if (is_variable(p.name)) names.push_back(p.name);
    const std::string near = nearest_name(name, names);
    scalar.fail(fmt::format("{} is not in search.space{}; there: {}", name,
                            near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
                            names.empty() ? "no variables" : join(names)));
  }
  if (std::isnan(point[at])) scalar.fail(fmt::format("{} is used where its `when` does not hold", name));
  return Config::parse(parameters_[at].text(point[at]), scalar.where());
}

Config Space::filled(const Config& part, const Point& point, int64_t layer) const {
  if (part.is_scalar()) return value_of(part, point, layer);
  if (part.is_map()) {
    Config out = Config::map();
    for (const auto& [key, value] : part.entries()) out.put(key, filled(value, point, layer));
    return out;
  }
  if (!part.is_list()) return part;
  Config out = Config::list();
  for (const Config& item : part.items()) {
    const Config repeat = item.get("repeat");
    if (repeat.is_null()) {
      out.push(filled(item, point, layer));
      continue;
    }
    const Config layers = item.get("layers");
    if (!layers.is_list() || item.entries().size() != 2)
      item.fail("repeat: expected `{repeat: $layers, layers: [linear: $units, relu]}`");
    const auto times = number_of(value_of(repeat, point, layer).text());
    if (!times || *times < 0 || *times > static_cast<double>(most_layers) || *times != std::floor(*times))
      repeat.fail(fmt::format("repeat: expected a whole number from 0 to {}", most_layers));
    for (int64_t i = 1; i <= static_cast<int64_t>(*times); ++i)
      for (const Config& made : filled(layers, point, i).items()) out.push(made);
  }
  return out;
}

Config Space::recipe(const Config& base, const Point& point) const {
  Config copy = Config::map();
  for (const auto& [key, value] : base.entries())
    if (key != "search") copy.put(key, value);
  copy = Config::parse(copy.str(), "recipe");  // copies share: this one is its own
  for (size_t i = 0; i < size(); ++i)
    if (!std::isnan(point[i]) && !is_variable(parameters_[i].name))
      copy.set(parameters_[i].name, parameters_[i].text(point[i]));
  for (const auto& [key, part] : templates_.entries()) copy.set(key, one_line(filled(part, point, 0)));
  return copy;
}

// ---- Checks before the first trial

void Space::check(const Config& base, const std::function<void(const Config&)>& valid) const {
  Rng rng(0, "check");
  const auto complaint = [&](const Point& point) -> std::string {
    try {
      valid(recipe(base, point));
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  };
  constexpr int tries = 64;
  std::vector<Point> good;
  std::string reason;
  for (int i = 0; i < tries; ++i) {
    const Point point = draw(rng);
    const std::string says = complaint(point);
    if (says.empty())
      good.push_back(point);
    else
      reason = says;
  }
  // A single value that no recipe takes is the parameter's own fault: it is named at its place.
  for (size_t i = 0; i < size(); ++i) {
    const Parameter& p = parameters_[i];
    std::vector<double> values{p.low, p.high, p.at(0.4142)};  // the last is no whole number by accident
    if (p.is_choice()) {
      values.resize(p.choices.size());
      for (size_t c = 0; c < values.size(); ++c) values[c] = static_cast<double>(c);
    }
    for (const double value : values) {
      bool taken = false, tried = false;
      std::string says;
      for (int k = 0; k < tries && !taken; ++k) {
        Point point = draw(rng);
        if (std::isnan(point[i])) continue;
        point[i] = value;
        for (size_t j = i + 1; j < size(); ++j)  // what depends on it comes and goes
          if (!is_there(j, point))
            point[j] = std::nan("");
          else if (std::isnan(point[j]))
            point[j] = parameters_[j].at(rng.uniform());
        tried = true;
        says = complaint(point);
        taken = says.empty();
      }
      if (tried && !taken) {
        const bool fraction = value != std::floor(value) && p.step == 0 && !p.is_choice() && says.find("whole") != says.npos;
        places_[i].fail(fmt::format("{} = {} makes no valid recipe with anything else of the space: {}{}", p.name,
                                    p.text(value), says, fraction ? "; whole numbers need step: 1" : ""));
      }
    }
  }
  if (good.empty())
    places_.front().fail(fmt::format("the space holds nothing valid: none of {} points tried makes a recipe; the last: {}",
                                     tries, reason));
}

// ---- As text

std::vector<std::pair<std::string, std::string>> Space::texts(const Point& point) const {
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t i = 0; i < size(); ++i)
    if (!std::isnan(point[i])) out.emplace_back(parameters_[i].name, parameters_[i].text(point[i]));
  return out;
}

Point Space::point(const std::map<std::string, std::string>& texts, const std::string& where) const {
  Point out(size(), std::nan(""));
  for (const auto& [name, text] : texts) {
    const size_t i = find(name);
    if (i == size()) fail(ErrorKind::data, where, "has a value for {}, which the space does not know", name);
    const Parameter& p = parameters_[i];
    if (p.is_choice()) {
      const auto at = std::ranges::find(p.choices, text);
      if (at == p.choices.end()) fail(ErrorKind::data, where, "{} = {} is none of {}", name, text, join(p.choices));
      out[i] = static_cast<double>(at - p.choices.begin());
    } else {
      const auto value = number_of(text);
      if (!value) fail(ErrorKind::data, where, "{} = '{}' is no number", name, text);
      out[i] = *value;
    }
  }
  return out;
}

}  // namespace tandem::improve
