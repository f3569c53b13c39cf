#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/text/unicode.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

namespace tandem::data {

void check_utf8(std::string_view text, const std::string& where, int64_t line) {
  const size_t bad = first_invalid_utf8(text);
  if (bad == text.size()) return;
  const std::string_view before = text.substr(0, bad);
  const size_t line_begin = before.rfind('\n') + 1;  // 0 when there is none
  line += std::ranges::count(before, '\n');
  fail(ErrorKind::data, fmt::format("{}:{}:{}", where, line, characters(before.substr(line_begin)) + 1),
       "byte 0x{:02x} is no UTF-8: save the text as UTF-8, or say what it is with encoding: windows-1252",
       static_cast<unsigned char>(text[bad]));
}

std::string from_windows_1252(std::string_view bytes) {
  // 0x80 to 0x9f; all others are the code points of the same number.
  constexpr std::array<char32_t, 32> high{0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                          0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
                                          0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                          0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    append_character(out, byte >= 0x80 && byte < 0xa0 ? high[byte - 0x80U] : byte);
  }
  return out;
}

void Normalisation::fields(Fields& f) {
  f("nfkc", nfkc);
  f("lower", lower);
}

namespace {

/// Control characters that are no blank (0 among them) become one: in text they mean nothing, to files much.
void drop_controls(std::string& text) {
  for (char& c : text)
    if (const auto byte = static_cast<unsigned char>(c); (byte < 0x20 && (byte < 0x09 || byte > 0x0d)) || byte == 0x7f)
      c = ' ';
}

}  // namespace

std::string normalised(std::string_view text, const Normalisation& how) {
  std::string out;
  if (std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; })) {  // ASCII is its own form
    out = text;
    if (how.lower)
      for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    drop_controls(out);
    return out;
  }
  if (how.nfkc) {
    utf8proc_uint8_t* made = nullptr;
    const auto size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                     &made, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(made, &std::free);
    if (size < 0) fail(ErrorKind::data, "text", "cannot be normalised: {}", utf8proc_errmsg(size));
    out.assign(reinterpret_cast<const char*>(made), static_cast<size_t>(size));
  } else {
    out = text;
  }
  drop_controls(out);
  if (!how.lower) return out;
  std::string lowered;
  lowered.reserve(out.size());
  for (size_t at = 0; at < out.size();) append_character(lowered, lower_case(next_character(out, at)));
  return lowered;
}

char32_t next_character(std::string_view text, size_t& at) {
  utf8proc_int32_t character = -1;
  const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                      static_cast<utf8proc_ssize_t>(text.size() - at), &character);
  if (bytes < 1) fail(ErrorKind::data, "text", "byte {} is no UTF-8", at + 1);
  at += static_cast<size_t>(bytes);
  return static_cast<char32_t>(character);
}

void append_character(std::string& text, char32_t character) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes.data());
  text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size));
}

int64_t characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; });
}

std::string repaired_utf8(std::string_view bytes, bool more) {
  std::string out;
  for (size_t at = 0; at < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const size_t whole = lead < 0x80                    ? 1
                         : lead >= 0xc2 && lead <= 0xdf ? 2
                         : lead >= 0xe0 && lead <= 0xef ? 3
                         : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                        : 0;
    // The second byte's range keeps overlong forms, surrogates and what is above U+10FFFF out.
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    size_t n = 1;
    for (; n < whole && at + n < bytes.size(); ++n) {
      const auto next = static_cast<unsigned char>(bytes[at + n]);
      if (next < low || next > high) break;
      low = 0x80, high = 0xbf;
    }
    if (n == whole)
      out += bytes.substr(at, n);
    else if (more && n < whole && at + n == bytes.size())
      break;
    else
      append_character(out, 0xfffd);
    at += n;
  }
  return out;
}

std::string_view category_of(char32_t c) { return utf8proc_category_string(static_cast<utf8proc_int32_t>(c)); }

char32_t lower_case(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }

std::u32string decomposed(char32_t c) {
  std::array<utf8proc_int32_t, 8> parts{};  // canonical forms have at most four
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), std::ssize(parts),
                                             UTF8PROC_DECOMPOSE, nullptr);
  if (count < 0 || count > std::ssize(parts)) return {c};
  return {parts.begin(), parts.begin() + count};
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

namespace {

/// Scripts without blanks between words, by their blocks in Unicode.
bool written_without_blanks(char32_t c) {
  struct Block {
    char32_t first, last;
  };
  static constexpr Block blocks[]{
      {0x0e00, 0x0eff},    // Thai, Lao
      {0x1000, 0x109f},    // Burmese
      {0x1780, 0x17ff},    // Khmer
      {0x2e80, 0x2fdf},    // Han: radicals
      {0x3005, 0x3007},    // iteration mark, zero
      {0x3040, 0x30ff},    // hiragana, katakana
      {0x31f0, 0x31ff},    // katakana extensions
      {0x3400, 0x4dbf},    // Han
      {0x4e00, 0x9fff},    // Han
      {0xf900, 0xfaff},    // Han: compatibility
      {0x20000, 0x3ffff},  // Han: rare
  };
  return std::ranges::any_of(blocks, [c](const Block& b) { return c >= b.first && c <= b.last; });
}

}  // namespace

CharacterKind kind_of(char32_t c) {
  using enum CharacterKind;
  if (is_space(c)) return blank;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return written_without_blanks(c) ? single : letter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return c == 0x3007 ? single : digit;
    case UTF8PROC_CATEGORY_CF: return ignored;
    case UTF8PROC_CATEGORY_CC: return blank;
    default: return symbol;
  }
}

}  // namespace tandem::data
