// Settings as text (YAML) and as structs. A struct lists its named values once, in fields(); reading with checks,
// filling in of defaults and printing all come from that list.
#pragma once
#include <tandem/base/error.h>
#include <tandem/base/files.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tandem {

/// A node of a YAML document: nothing, a scalar, a list or a map; knows where it stands in its file. Copies share.
class Config {
 public:
  struct Impl;
  Config();  // nothing
  /// Throws a usage error with file, line and column when the text is no YAML, too deep, or has a key twice.
  [[nodiscard]] static Config parse(const std::string& text, const std::string& name);
  [[nodiscard]] static Config load(const fs::path& path);
  [[nodiscard]] static Config scalar(const std::string& text);
  [[nodiscard]] static Config map();
  [[nodiscard]] static Config list();

  [[nodiscard]] bool is_null() const;
  [[nodiscard]] bool is_scalar() const;
  [[nodiscard]] bool is_list() const;
  [[nodiscard]] bool is_map() const;
  [[nodiscard]] std::string text() const;                                     // of a scalar
  [[nodiscard]] std::vector<Config> items() const;                            // of a list; none otherwise
  [[nodiscard]] std::vector<std::pair<std::string, Config>> entries() const;  // of a map; none otherwise
  [[nodiscard]] Config get(const std::string& key) const;                     // nothing when absent

  void put(const std::string& key, const Config& value);
  void push(const Config& value);
  /// Sets "train.epochs" = "3" as an override on the command line would; the text is read as YAML.
  void set(const std::string& dotted_key, const std::string& value);

  /// YAML text; short maps and lists of scalars stand on one line.
  [[nodiscard]] std::string str() const;
  [[nodiscard]] std::string where() const;  // "recipes/digits.yaml:12:5"
  /// Throws a usage error at this place.
  [[noreturn]] void fail(const std::string& message) const;

 private:
  std::shared_ptr<const Impl> impl_;
};

/// The values allowed for a number; both ends included.
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

/// Reads a node into a struct, or writes a struct into a node, field by field.
class Fields {
 public:
  /// A scalar node stands for the first field alone: `linear: 10` is `linear: {units: 10}`.
  static Fields reader(const Config& node, std::string what);
  static Fields writer();

  void operator()(const char* name, bool& value);
  void operator()(const char* name, int64_t& value, Range range = {});
  /// A number, or a word that stands for one: padding: same.
  struct Word {
    const char* text;
    int64_t value;
  };
  void operator()(const char* name, int64_t& value, Range range, Word word);
  void operator()(const char* name, uint64_t& value);
  void operator()(const char* name, double& value, Range range = {});
  void operator()(const char* name, std::string& value, const std::vector<std::string>& choices = {});
  void operator()(const char* name, std::vector<int64_t>& value, Range range = {});
  void operator()(const char* name, std::vector<double>& value, Range range = {});
  void operator()(const char* name, std::vector<std::string>& value);
  /// A struct with fields() of its own.
  template <class S>
  requires requires(S s, Fields& f) { s.fields(f); }
  void operator()(const char* name, S& value) {
    custom(
        name, [&](const Config& node) { read(node, value, name); }, [&] { return write(value); });
  }
  /// Anything else. `write` may return nothing (a null node) to leave the field out.
  void custom(const char* name, const std::function<void(const Config&)>& read, const std::function<Config()>& write);

  /// Reads `node` into `value`; unknown keys are refused with the nearest valid one. `what` names it in messages.
  template <class S>
  static void read(const Config& node, S& value, const std::string& what) {
    Fields f = reader(node, what);
    value.fields(f);
    f.finish();
  }
  template <class S>
  static Config write(S& value) {
    Fields f = writer();
    value.fields(f);
    return f.node_;
  }

 private:
  template <class T, class Parse, class Print>
  void field(const char* name, T& value, Parse parse, Print print);
  template <class T>
  void number(const char* name, T& value, Range range);
  template <class T>
  void numbers(const char* name, std::vector<T>& value, Range range);
  Config find(const char* name);  // the node of a field when reading, or nothing
  void finish() const;

  bool reading_ = false;
  Config node_;
  std::string what_;
  std::vector<std::string> names_;
};

}  // namespace tandem
