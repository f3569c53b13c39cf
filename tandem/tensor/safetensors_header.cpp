#include <tandem/base/checked.h>
#include <tandem/tensor/safetensors_header.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

namespace tandem::safetensors {
namespace {

using json = nlohmann::json;

constexpr std::array<Code, 9> known{{{"F32", DType::f32, 4},
                                     {"F64", DType::f64, 8},
                                     {"F16", DType::f32, 2},
                                     {"BF16", DType::f32, 2},
                                     {"I32", DType::i32, 4},
                                     {"I64", DType::i64, 8},
                                     {"U8", DType::u8, 1},
                                     {"I8", DType::i8, 1},
                                     {"BOOL", DType::u8, 1}}};

// Walks through the text and says how far the parser has read.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** read = nullptr;

  reference operator*() const { return *at; }
  Cursor& operator++() {
    *read = ++at;
    return *this;
  }
  Cursor operator++(int) {
    Cursor before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Cursor& a, const Cursor& b) { return a.at == b.at; }
  friend bool operator!=(const Cursor& a, const Cursor& b) { return a.at != b.at; }
};

// Hears the parser and refuses at the first word that does not belong there, so that nothing is kept of a file that is
// refused but the entries before it.
class Listener : public nlohmann::json_sax<json> {
 public:
  Listener(std::string_view text, int64_t data_size, const std::string& where)
      : text_(text), read_(text.data()), data_size_(data_size), where_(where) {}

  Header take() {
    (void)json::sax_parse(Cursor{text_.data(), &read_}, Cursor{text_.data() + text_.size(), &read_}, this);
    return std::move(out_);
  }

  bool null() override { return value("null"); }
  bool boolean(bool) override { return value("true or false"); }
  bool number_float(double, const std::string& text) override {
    if (in_ == In::shape || in_ == In::offsets) not_whole(text);
    return value("a number");
  }
  bool number_integer(int64_t number) override {
    if (in_ == In::shape || in_ == In::offsets) not_whole(std::to_string(number));
    return value("a number");
  }
  bool number_unsigned(uint64_t number) override {
    if (in_ == In::shape) {
      if (number > uint64_t{1} << 62) not_whole(std::to_string(number));
      if (sizes_.size() == Shape::max_rank)
        refuse("entry '{}' has {} axes or more, at most {} are read", entry_.name, Shape::max_rank + 1,
               Shape::max_rank);
      sizes_.push_back(static_cast<int64_t>(number));
      return true;
    }
    if (in_ == In::offsets) {
      if (number > uint64_t{1} << 62) not_whole(std::to_string(number));
      if (offsets_ == 2) no_pair();
      (offsets_++ == 0 ? entry_.begin : entry_.end) = static_cast<int64_t>(number);
      return true;
    }
    return value("a number");
  }
  bool string(std::string& text) override {
    if (in_ == In::metadata) {
      out_.metadata.at(key_) = std::move(text);
      return true;
    }
    if (in_ == In::entry && key_ == "dtype") {
      const auto found = std::ranges::find(known, std::string_view(text), &Code::name);
      if (found == known.end())
        refuse("tensor '{}' has dtype '{}', expected F32, F64, F16, BF16, I32, I64, U8 or I8", entry_.name, text);
      entry_.code = &*found;
      return true;
    }
    if (in_ == In::shape || in_ == In::offsets) not_whole('"' + text + '"');
    return value("a text");
  }
  bool binary(json::binary_t&) override { return false; }  // JSON has none

  bool start_object(std::size_t) override {
    if (in_ == In::nothing) {
      in_ = In::header;
    } else if (in_ == In::header && key_ == "__metadata__") {
      in_ = In::metadata;
    } else if (in_ == In::header) {
      entry_ = {};
      entry_.name = key_;
      sizes_.clear();
      offsets_ = 0;
      has_shape_ = has_offsets_ = false;
      in_ = In::entry;
    } else {
      return value("an object");
    }
    return true;
  }
  bool key(std::string& name) override {
    if (in_ == In::header) {
      if (name.empty() || name.size() > longest_name)
        refuse("a tensor name has {} bytes, expected 1 to {}", name.size(), longest_name);
      if (name == "__metadata__" && std::exchange(has_metadata_, true)) refuse("name '{}' stands twice", name);
    } else if (in_ == In::metadata) {
      if (out_.metadata.size() == most_texts) refuse("__metadata__ has more than {} texts", most_texts);
      if (!out_.metadata.try_emplace(name).second) refuse("name '{}' stands twice in __metadata__", name);
    } else {
      const bool twice = (name == "dtype" && entry_.code != nullptr) || (name == "shape" && has_shape_) ||
                         (name == "data_offsets" && has_offsets_);
      if (twice) refuse("name '{}' stands twice in entry '{}'", name, entry_.name);
      if (name != "dtype" && name != "shape" && name != "data_offsets")
        refuse("entry '{}' has unknown key '{}'", entry_.name, name.substr(0, longest_name));
    }
    key_ = std::move(name);
    return true;
  }
  bool end_object() override {
    if (in_ == In::entry) finish();
    in_ = in_ == In::header ? In::nothing : In::header;
    return true;
  }
  bool start_array(std::size_t) override {
    if (in_ != In::entry || key_ == "dtype") return value("a list");
    in_ = key_ == "shape" ? In::shape : In::offsets;
    (key_ == "shape" ? has_shape_ : has_offsets_) = true;
    return true;
  }
  bool end_array() override {
    if (in_ == In::offsets && offsets_ != 2) no_pair();
    in_ = In::entry;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    refuse("the header is no JSON ({})", std::string(error.what()).substr(0, 200));
  }

 private:
  enum class In { nothing, header, metadata, entry, shape, offsets };

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    bad(where_, "{}, at byte {}", fmt::format(text, std::forward<Args>(args)...), 8 + (read_ - text_.data()));
  }
  [[noreturn]] void not_whole(const std::string& given) const {
    refuse("entry '{}': {} is not a whole number of 0 or more but {}", entry_.name,
           in_ == In::shape ? "a size in shape" : "data_offsets", given.substr(0, 64));
  }
  [[noreturn]] void no_pair() const { refuse("entry '{}' has no pair of data_offsets", entry_.name); }

  // Something stands where another thing must be.
  bool value(const char* found) const {
    switch (in_) {
      case In::nothing: refuse("the header is {}, but no JSON object", found);
      case In::header:
        if (key_ == "__metadata__") refuse("__metadata__ is no object but {}", found);
        refuse("entry '{}' is no object but {}", key_, found);
      case In::metadata: refuse("__metadata__ '{}' is no string but {}", key_.substr(0, longest_name), found);
      case In::entry:
        if (key_ == "data_offsets") no_pair();
        refuse("entry '{}' has no {} but {}", entry_.name, key_, found);
      case In::shape:
      case In::offsets: not_whole(found);
    }
    return false;
  }

  void finish() {
    if (entry_.code == nullptr) refuse("entry '{}' has no dtype", entry_.name);
    if (!has_shape_) refuse("entry '{}' has no shape", entry_.name);
    if (!has_offsets_) no_pair();
    int64_t bytes = entry_.code->bytes;
    try {
      for (const int64_t size : sizes_) bytes = checked_mul(bytes, size, "shape");
      entry_.shape = Shape(sizes_);
    } catch (const Error& e) {
      refuse("tensor '{}' has an impossible shape ({})", entry_.name, e.what());
    }
    if (entry_.begin > entry_.end || entry_.end > data_size_)
      refuse("tensor '{}' lies at {} to {}, outside the {} bytes of data", entry_.name, entry_.begin, entry_.end,
             data_size_);
    if (entry_.end - entry_.begin != bytes)
      refuse("tensor '{}' of shape {} needs {} bytes but its offsets span {}", entry_.name, entry_.shape, bytes,
             entry_.end - entry_.begin);
    if (out_.entries.size() == most_tensors) refuse("the header has more than {} tensors", most_tensors);
    out_.entries.push_back(std::move(entry_));
  }

  std::string_view text_;
  const char* read_;
  int64_t data_size_;
  const std::string& where_;
  In in_ = In::nothing;
  std::string key_;
  Entry entry_;
  std::vector<int64_t> sizes_;
  int offsets_ = 0;
  bool has_shape_ = false, has_offsets_ = false, has_metadata_ = false;
  Header out_;
};

// Before parsing: the parser takes memory for a text as it comes.
void check_texts(std::string_view text, const std::string& where) {
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      quoted = !quoted;
      begin = i;
    } else if (quoted) {
      i += text[i] == '\\' ? 1 : 0;
      if (i - begin > longest_text)
        bad(where, "the text that begins at byte {} has more than {} bytes", begin + 8, longest_text);
    }
  }
}

}  // namespace

std::span<const Code> codes() { return known; }

Header parse_header(std::string_view text, int64_t data_size, const std::string& where) {
  check_texts(text, where);
  Header out = Listener(text, data_size, where).take();
  const auto names = [](const Entry& e) -> const std::string& { return e.name; };
  std::ranges::sort(out.entries, {}, names);
  if (const auto twice = std::ranges::adjacent_find(out.entries, {}, names); twice != out.entries.end())
    bad(where, "name '{}' stands twice in the header", twice->name);
  std::ranges::sort(out.entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  int64_t at = 0;
  for (const Entry& entry : out.entries) {
    if (entry.begin != at)
      bad(where, "tensor '{}' starts at {} of the data, expected {}: tensors overlap or leave a gap", entry.name,
          entry.begin, at);
    at = entry.end;
  }
  if (at != data_size) bad(where, "the tensors end at {} of the data, which has {} bytes", at, data_size);
  return out;
}

}  // namespace tandem::safetensors
