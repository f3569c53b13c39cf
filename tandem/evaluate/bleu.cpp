#include <tandem/base/error.h>
#include <tandem/data/text/unicode.h>
#include <tandem/data/text/words.h>
#include <tandem/evaluate/bleu.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <unordered_map>

namespace tandem::evaluate {
namespace {

constexpr size_t orders = 4;
using Ngrams = std::array<std::unordered_map<std::string, int64_t>, orders>;  // counts, by length

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Where two neighbours match, the pair becomes what `write` makes of it; as a regular expression's, matches do not
/// overlap. Bytes will do: only ASCII matters, and a byte of another character is no digit.
template <class Match>
std::string replace_pairs(const std::string& text, Match&& match, const std::function<std::string(char, char)>& write) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (at + 1 < text.size() && match(text[at], text[at + 1])) {
      out += write(text[at], text[at + 1]);
      ++at;
    } else {
      out += text[at];
    }
  }
  return out;
}

Ngrams ngrams(const std::vector<std::string>& words) {
  Ngrams out;
  for (size_t first = 0; first < words.size(); ++first) {
    std::string key;
    for (size_t n = 0; n < orders && first + n < words.size(); ++n) {
      key += words[first + n];
      key += ' ';
      ++out[n][key];
    }
  }
  return out;
}

std::vector<std::string> words_of(const std::string& text, const BleuOptions& options) {
  const std::string cased = options.lower ? data::normalised(text, {.nfkc = false, .lower = true}) : text;
  return options.tokenize ? tokenize_13a(cased) : data::split_blanks(cased);
}

}  // namespace

std::vector<std::string> tokenize_13a(std::string_view given) {
  std::string text(given);
  while (!text.empty() && std::string_view(" \t\n\v\f\r").find(text.back()) != std::string_view::npos) text.pop_back();
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  replace_all(text, "&quot;", "\"");
  replace_all(text, "&amp;", "&");
  replace_all(text, "&lt;", "<");
  replace_all(text, "&gt;", ">");
  std::string apart;
  for (const char c : " " + text + " ") {
    // All punctuation but ' , - . and what stands in words: { to ~, [ to `, blank to &, ( to +, : to @, and /
    const bool alone = (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
                       (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
    if (alone) {
      apart += ' ';
      apart += c;
      apart += ' ';
    } else {
      apart += c;
    }
  }
  const auto is_point = [](char c) { return c == '.' || c == ','; };
  // A point or comma stands alone unless a digit stands before it and behind it; a dash behind a digit does.
  apart = replace_pairs(
      apart, [&](char a, char b) { return !is_digit(a) && is_point(b); },
      [](char a, char b) { return std::string{a, ' ', b, ' '}; });
  apart = replace_pairs(
      apart, [&](char a, char b) { return is_point(a) && !is_digit(b); },
      [](char a, char b) { return std::string{' ', a, ' ', b}; });
  apart = replace_pairs(
      apart, [&](char a, char b) { return is_digit(a) && b == '-'; },
      [](char a, char b) { return std::string{a, ' ', b, ' '}; });
  return data::split_blanks(apart);
}

Bleu bleu(const std::vector<std::string>& translations, const std::vector<std::vector<std::string>>& references,
          const BleuOptions& options) {
  if (translations.size() != references.size())
    fail("bleu", "{} translations and references for {} are given", translations.size(), references.size());
  std::array<int64_t, orders> correct{}, total{};
  Bleu out;
  for (size_t i = 0; i < translations.size(); ++i) {
    if (references[i].empty()) fail("bleu", "translation {} has no reference", i + 1);
    const auto words = words_of(translations[i], options);
    const auto length = std::ssize(words);
    Ngrams most;  // of each n-gram in any reference
    int64_t nearest = -1;
    for (const std::string& reference : references[i]) {
      const auto reference_words = words_of(reference, options);
      const auto own = std::ssize(reference_words);
      const auto distance = std::abs(own - length), best = std::abs(nearest - length);
      if (nearest < 0 || distance < best || (distance == best && own < nearest)) nearest = own;
      const Ngrams found = ngrams(reference_words);
      for (size_t n = 0; n < orders; ++n)
        for (const auto& [key, count] : found[n]) most[n][key] = std::max(most[n][key], count);
    }
    out.length += length;
    out.reference_length += nearest;
    const Ngrams own = ngrams(words);
    for (size_t n = 0; n < orders; ++n)
      for (const auto& [key, count] : own[n]) {
        total[n] += count;
        if (const auto found = most[n].find(key); found != most[n].end()) correct[n] += std::min(count, found->second);
      }
  }
  if (out.length < out.reference_length)
    out.brevity = out.length == 0 ? 0
                                  : std::exp(1 - static_cast<double>(out.reference_length) / static_cast<double>(out.length));
  if (std::ranges::all_of(correct, [](int64_t n) { return n == 0; })) return out;
  double smooth = 1, logs = 0;
  for (size_t n = 0; n < orders; ++n) {
    if (total[n] == 0) {  // all translations are shorter: no such n-gram can be right
      out.score = 0;
      return out;
    }
    if (correct[n] == 0) smooth *= 2;
    const double hits = correct[n] == 0 ? 1 / smooth : static_cast<double>(correct[n]);
    out.precisions[n] = 100 * hits / static_cast<double>(total[n]);
    logs += std::log(out.precisions[n]);
  }
  out.score = out.brevity * std::exp(logs / orders);
  return out;
}

}  // namespace tandem::evaluate
