#include <tandem/base/config.h>
#include <tandem/base/text.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tandem {

struct Config::Impl {
  YAML::Node node;
  std::string name;
};

namespace {

constexpr size_t longest = 1 << 20;  // bytes; some 0.1 s of the parser's time
constexpr int deepest = 64;
constexpr int most_nodes = 100'000;  // an alias stands for all it names: a few lines can unfold to billions

[[noreturn]] void fail_at(const std::string& name, const YAML::Mark& mark, const std::string& message) {
  throw Error(ErrorKind::usage, fmt::format("{}:{}:{}: {}", name, mark.line + 1, mark.column + 1, message));
}

// The parser lets any bytes through, and what writes does not. It looks ahead to the end of a list or map in brackets,
// and keeps all of it: what is too deep or too much is refused before.
void check_text(std::string_view text, const std::string& name) {
  if (text.size() > longest)
    throw Error(ErrorKind::usage, fmt::format("{}: has {} bytes, at most {} are read", name, text.size(), longest));
  if (const size_t bad = first_invalid_utf8(text); bad < text.size())
    throw Error(ErrorKind::usage,
                fmt::format("{}:{}: byte 0x{:02x} is no UTF-8: save the text as UTF-8", name,
                            1 + std::ranges::count(text.substr(0, bad), '\n'), static_cast<unsigned char>(text[bad])));
  int depth = 0, commas = 0, line = 1;
  char quote = 0;
  const auto too_much = [&](const std::string& what) {
    throw Error(ErrorKind::usage, fmt::format("{}:{}: {}", name, line, what));
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    line += c == '\n' ? 1 : 0;
    if (quote != 0) {
      i += quote == '"' && c == '\\' ? 1 : 0;
      if (c == quote) quote = 0;
      continue;
    }
    const bool begins = i == 0 || std::string_view(" \n[{,:").find(text[i - 1]) != std::string_view::npos;
    if ((c == '"' || c == '\'') && begins) quote = c;  // an apostrophe inside a word is a letter
    if ((c == '[' || c == '{') && ++depth > deepest) too_much(fmt::format("nested deeper than {} levels", deepest));
    if (c == ']' || c == '}') --depth;
    if (c == ',' && ++commas > most_nodes) too_much(fmt::format("has more than {} values", most_nodes));
  }
}

void check(const YAML::Node& node, const std::string& name, int depth, int& nodes) {
  const auto at = [&](const YAML::Mark& mark, const std::string& message) { fail_at(name, mark, message); };
  if (depth > deepest) at(node.Mark(), fmt::format("nested deeper than {} levels", deepest));
  if (++nodes > most_nodes) at(node.Mark(), fmt::format("unfolds to more than {} values", most_nodes));
  if (node.IsMap()) {
    std::vector<std::string> keys;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) at(entry.first.Mark(), "a key must be a plain word");
      if (std::ranges::find(keys, entry.first.Scalar()) != keys.end())
        at(entry.first.Mark(), fmt::format("key '{}' stands twice", entry.first.Scalar()));
      keys.push_back(entry.first.Scalar());
      check(entry.second, name, depth + 1, nodes);
    }
  } else if (node.IsSequence()) {
    for (const auto& item : node) check(item, name, depth + 1, nodes);
  }
}

bool all_scalars(const YAML::Node& node) {
  return std::ranges::all_of(node,
                             [&](const auto& item) { return node.IsMap() ? item.second.IsScalar() : item.IsScalar(); });
}

void emit(YAML::Emitter& out, const YAML::Node& node, bool top) {
  if (node.IsMap()) {
    out << (all_scalars(node) && !top ? YAML::Flow : YAML::Block) << YAML::BeginMap;
    for (const auto& entry : node) {
      out << YAML::Key;
      emit(out, entry.first, false);
      out << YAML::Value;
      emit(out, entry.second, false);
    }
    out << YAML::EndMap;
  } else if (node.IsSequence()) {
    out << (all_scalars(node) ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
    for (const auto& item : node) emit(out, item, false);
    out << YAML::EndSeq;
  } else if (node.IsScalar()) {
    const std::string& text = node.Scalar();
    // Of control characters the emitter takes some for plain ones, which are read back as something else.
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
      out << YAML::DoubleQuoted;
    out << text;
  } else {
    out << YAML::Null;
  }
}

// The same without its places: what an override put into a recipe has no line in the recipe's file.
YAML::Node without_marks(const YAML::Node& node) {
  if (!node.IsMap() && !node.IsSequence()) return node.IsScalar() ? YAML::Node(node.Scalar()) : YAML::Node();
  YAML::Node out(node.Type());
  for (const auto& item : node)
    if (node.IsMap())
      out[item.first.Scalar()] = without_marks(item.second);
    else
      out.push_back(without_marks(item));
  return out;
}

std::shared_ptr<const Config::Impl> wrap(const YAML::Node& node, std::string name) {
  return std::make_shared<const Config::Impl>(Config::Impl{node, std::move(name)});
}

}  // namespace

Config::Config() : impl_(wrap(YAML::Node(YAML::NodeType::Null), "")) {}

Config Config::parse(const std::string& text, const std::string& name) {
  check_text(text, name);
  Config out;
  try {
    const YAML::Node node = YAML::Load(text);
    out.impl_ = wrap(node.IsNull() ? YAML::Node(YAML::NodeType::Null) : node,
                     name);                 // an empty text gives no node that could be set
  } catch (const YAML::DeepRecursion& e) {  // the parser's own limit lies above ours
    fail_at(name, e.mark, fmt::format("nested deeper than {} levels", deepest));
  } catch (const YAML::Exception& e) {
    fail_at(name, e.mark, e.msg);
  }
  int nodes = 0;
  check(out.impl_->node, name, 0, nodes);
  return out;
}

Config Config::load(const fs::path& path) { return parse(read_text(path, longest), path.string()); }

Config Config::scalar(const std::string& text) {
  Config out;
  out.impl_ = wrap(YAML::Node(text), "");
  return out;
}
Config Config::map() {
  Config out;
  out.impl_ = wrap(YAML::Node(YAML::NodeType::Map), "");
  return out;
}
Config Config::list() {
  Config out;
  out.impl_ = wrap(YAML::Node(YAML::NodeType::Sequence), "");
  return out;
}

bool Config::is_null() const { return !impl_->node.IsDefined() || impl_->node.IsNull(); }
bool Config::is_scalar() const { return impl_->node.IsScalar(); }
bool Config::is_list() const { return impl_->node.IsSequence(); }
bool Config::is_map() const { return impl_->node.IsMap(); }

std::string Config::text() const {
  if (!is_scalar()) fail("expected a single value");
  return impl_->node.Scalar();
}

std::vector<Config> Config::items() const {
  std::vector<Config> out;
  if (!is_list()) return out;
  for (const auto& item : impl_->node) {
    Config c;
    c.impl_ = wrap(item, impl_->name);
    out.push_back(c);
  }
  return out;
}

std::vector<std::pair<std::string, Config>> Config::entries() const {
  std::vector<std::pair<std::string, Config>> out;
  if (!is_map()) return out;
  for (const auto& entry : impl_->node) {
    Config c;
    c.impl_ = wrap(entry.second, impl_->name);
    out.emplace_back(entry.first.Scalar(), c);
  }
  return out;
}

Config Config::get(const std::string& key) const {
  Config out;
  if (!is_map()) return out;
  for (const auto& entry : impl_->node) {
    if (entry.first.Scalar() != key) continue;
    out.impl_ = wrap(entry.second, impl_->name);
    break;
  }
  return out;
}

void Config::put(const std::string& key, const Config& value) {
  YAML::Node node = impl_->node;
  node[key] = value.impl_->node;
}

void Config::push(const Config& value) {
  YAML::Node node = impl_->node;
  node.push_back(value.impl_->node);
}

void Config::set(const std::string& dotted_key, const std::string& value) {
  const YAML::Node parsed = without_marks(parse(value, fmt::format("override '{}={}'", dotted_key, value)).impl_->node);
  YAML::Node at = impl_->node;
  size_t begin = 0;
  for (;;) {
    const size_t dot = dotted_key.find('.', begin);
    const std::string key = dotted_key.substr(begin, dot == std::string::npos ? dot : dot - begin);
    if (key.empty())
      throw Error(ErrorKind::usage,
                  fmt::format("override '{}={}': expected key=value with dots between keys", dotted_key, value));
    if (at.IsDefined() && at.IsSequence()) {
      size_t index = 0;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (error != std::errc{} || end != key.data() + key.size() || index >= at.size())
        throw Error(ErrorKind::usage,
                    fmt::format("override '{}={}': '{}' is a list of {} items: name one by its number", dotted_key,
                                value, dotted_key.substr(0, begin ? begin - 1 : 0), at.size()));
      if (dot == std::string::npos) {
        at[index] = parsed;
        return;
      }
      at.reset(at[index]);
    } else {
      if (at.IsDefined() && at.IsScalar()) {  // `optimizer: adam` with optimizer.lr=…: keep the short form's value
        const std::string first = at.Scalar();
        at = YAML::Node(YAML::NodeType::Map);
        at["="] = first;
      }
      if (dot == std::string::npos) {
        at[key] = parsed;
        return;
      }
      at.reset(at[key]);
    }
    begin = dot + 1;
  }
}

std::string Config::str() const {
  YAML::Emitter out;
  emit(out, impl_->node, true);
  return std::string(out.c_str()) + "\n";
}

std::string Config::where() const {
  const YAML::Mark mark = impl_->node.IsDefined() ? impl_->node.Mark() : YAML::Mark::null_mark();
  if (mark.is_null()) return impl_->name.empty() ? "settings" : impl_->name;
  return fmt::format("{}:{}:{}", impl_->name, mark.line + 1, mark.column + 1);
}

void Config::fail(const std::string& message) const { throw Error(ErrorKind::usage, where() + ": " + message); }

// ---- Fields

Fields Fields::reader(const Config& node, std::string what) {
  Fields f;
  f.reading_ = true;
  f.node_ = node;
  f.what_ = std::move(what);
  if (node.is_list()) node.fail(fmt::format("{}: expected keys and values, got a list", f.what_));
  return f;
}

Fields Fields::writer() {
  Fields f;
  f.node_ = Config::map();
  return f;
}

Config Fields::find(const char* name) {
  names_.emplace_back(name);
  if (node_.is_scalar()) return names_.size() == 1 ? node_ : Config();
  if (names_.size() == 1)
    if (const Config kept = node_.get("="); !kept.is_null()) {
      const Config own = node_.get(name);
      return own.is_null() ? kept : own;
    }
  return node_.get(name);
}

void Fields::finish() const {
  if (node_.is_scalar() && names_.empty()) node_.fail(fmt::format("{} takes no value", what_));
  for (const auto& [key, value] : node_.entries()) {
    if (key == "=" || std::ranges::find(names_, key) != names_.end()) continue;
    const std::string near = nearest_name(key, names_);
    value.fail(fmt::format("{}: unknown key '{}'{}; valid: {}", what_, key,
                           near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near),
                           names_.empty() ? "none" : join(names_)));
  }
}

namespace {

template <class T>
T parse_number(const Config& node, const std::string& what, Range range) {
  const std::string text = node.is_scalar() ? node.text() : "";
  T value{};
  bool good = false;
  if constexpr (std::is_integral_v<T>) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    good = error == std::errc{} && end == text.data() + text.size();
    if (!good) {  // 1e4 and 60_000 are how people write large numbers
      double wide = 0;
      std::string plain = text;
      std::erase(plain, '_');
      const auto [e2, err2] = std::from_chars(plain.data(), plain.data() + plain.size(), wide);
      good = !plain.empty() && err2 == std::errc{} && e2 == plain.data() + plain.size() && wide == std::floor(wide) &&
             std::abs(wide) < 9e15 && (std::is_signed_v<T> || wide >= 0);
      if (good) value = static_cast<T>(wide);
    }
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    good = error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
  }
  if (!good)
    node.fail(fmt::format("{}: expected {}, got {}", what, std::is_integral_v<T> ? "a whole number" : "a number",
                          node.is_scalar() ? "'" + text + "'" : "a list or map"));
  if (static_cast<double>(value) < range.min || static_cast<double>(value) > range.max)
    node.fail(fmt::format("{}: {} is outside the valid range {} to {}", what, text, range.min, range.max));
  return value;
}

std::string print_number(double value) { return fmt::format("{}", value); }
std::string print_number(int64_t value) { return std::to_string(value); }
std::string print_number(uint64_t value) { return std::to_string(value); }

template <class T>
std::vector<T> parse_numbers(const Config& node, const std::string& what, Range range) {
  std::vector<T> out;
  if (node.is_scalar()) return {parse_number<T>(node, what, range)};
  if (!node.is_list()) node.fail(fmt::format("{}: expected a list of numbers", what));
  for (const Config& item : node.items()) out.push_back(parse_number<T>(item, what, range));
  return out;
}

}  // namespace

template <class T, class Parse, class Print>
void Fields::field(const char* name, T& value, Parse parse, Print print) {
  custom(
      name, [&](const Config& node) { value = parse(node, what_.empty() ? name : what_ + "." + name); },
      [&] { return print(value); });
}

template <class T>
void Fields::number(const char* name, T& value, Range range) {
  field(
      name, value, [&](const Config& node, const std::string& what) { return parse_number<T>(node, what, range); },
      [](T v) { return Config::scalar(print_number(v)); });
}

template <class T>
void Fields::numbers(const char* name, std::vector<T>& value, Range range) {
  field(
      name, value, [&](const Config& node, const std::string& what) { return parse_numbers<T>(node, what, range); },
      [](const std::vector<T>& v) {
        Config out = Config::list();
        for (const T x : v) out.push(Config::scalar(print_number(x)));
        return out;
      });
}

void Fields::operator()(const char* name, bool& value) {
  field(
      name, value,
      [](const Config& node, const std::string& what) {
        const std::string text = node.is_scalar() ? node.text() : "";
        if (text == "true" || text == "yes" || text == "on") return true;
        if (text == "false" || text == "no" || text == "off") return false;
        node.fail(fmt::format("{}: expected true or false, got '{}'", what, text));
      },
      [](bool v) { return Config::scalar(v ? "true" : "false"); });
}

void Fields::operator()(const char* name, int64_t& value, Range range) { number(name, value, range); }
void Fields::operator()(const char* name, int64_t& value, Range range, Word word) {
  field(
      name, value,
      [&](const Config& node, const std::string& what) {
        return node.is_scalar() && node.text() == word.text ? word.value : parse_number<int64_t>(node, what, range);
      },
      [&](int64_t v) { return Config::scalar(v == word.value ? word.text : print_number(v)); });
}
void Fields::operator()(const char* name, uint64_t& value) { number(name, value, Range{}); }
void Fields::operator()(const char* name, double& value, Range range) { number(name, value, range); }
void Fields::operator()(const char* name, std::vector<int64_t>& value, Range range) { numbers(name, value, range); }
void Fields::operator()(const char* name, std::vector<double>& value, Range range) { numbers(name, value, range); }

void Fields::operator()(const char* name, std::string& value, const std::vector<std::string>& choices) {
  field(
      name, value,
      [&](const Config& node, const std::string& what) {
        if (!node.is_scalar()) node.fail(fmt::format("{}: expected a word", what));
        std::string text = node.text();
        if (!choices.empty() && std::ranges::find(choices, text) == choices.end()) {
          const std::string near = nearest_name(text, choices);
          node.fail(fmt::format("{}: '{}' is not known{}; valid: {}", what, text,
                                near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(choices)));
        }
        return text;
      },
      [](const std::string& v) { return Config::scalar(v); });
}

void Fields::operator()(const char* name, std::vector<std::string>& value) {
  field(
      name, value,
      [](const Config& node, const std::string& what) {
        if (node.is_scalar()) return std::vector<std::string>{node.text()};
        if (!node.is_list()) node.fail(fmt::format("{}: expected a list of words", what));
        std::vector<std::string> out;
        for (const Config& item : node.items()) out.push_back(item.text());
        return out;
      },
      [](const std::vector<std::string>& v) {
        Config out = Config::list();
        for (const auto& x : v) out.push(Config::scalar(x));
        return out;
      });
}

void Fields::custom(const char* name, const std::function<void(const Config&)>& read,
                    const std::function<Config()>& write) {
  if (reading_) {
    if (const Config node = find(name); !node.is_null()) read(node);
  } else if (const Config node = write(); !node.is_null()) {
    node_.put(name, node);
  }
}

}  // namespace tandem
