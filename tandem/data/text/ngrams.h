// What becomes of a text's pieces before they are tokens: for tokenizer.cpp and places.cpp.
#pragma once
#include <tandem/base/error.h>
#include <tandem/data/text/tokenizer.h>
#include <tandem/data/text/words.h>

#include <string>
#include <utility>
#include <vector>

namespace tandem::data {

// How n-grams are spelled among the pieces, so that none can be taken for a token: normalised text has neither
// character.
inline constexpr char between_words = '\x1f';
inline constexpr char of_characters = '\x1e';

/// Calls fn(n-gram, first, count) for each n-gram of the tokens, which is made of `count` of them.
template <class Fn>
void each_ngram(const std::vector<std::string>& tokens, const NgramOptions& options, Fn&& fn) {
  std::string key;
  for (size_t first = 0; first < tokens.size(); ++first) {
    key = tokens[first];
    for (size_t last = first + 1; last < tokens.size() && std::cmp_less(last - first, options.words); ++last) {
      key += between_words;
      key += tokens[last];
      fn(key, first, last - first + 1);
    }
  }
  if (options.characters.empty()) return;
  const auto shortest = static_cast<size_t>(options.characters.front());
  const auto longest = static_cast<size_t>(options.characters.back());
  for (size_t token = 0; token < tokens.size(); ++token) {
    std::vector<std::string> letters = split_characters(tokens[token]);
    letters.insert(letters.begin(), "<");  // where a word begins and ends says much
    letters.emplace_back(">");
    for (size_t first = 0; first < letters.size(); ++first) {
      key = of_characters;
      for (size_t n = 1; n <= longest && first + n <= letters.size(); ++n) {
        key += letters[first + n - 1];
        if (n >= shortest && n < letters.size()) fn(key, token, size_t{1});  // the whole word is a token already
      }
    }
  }
}

/// Shortens a text's tokens or pieces to the limit.
template <class T>
void shorten(std::vector<T>& tokens, const LengthLimit& limit) {
  if (limit.most == 0 || std::ssize(tokens) <= limit.most) return;
  if (limit.longer == "refuse")
    fail(ErrorKind::data, "text",
         "has {} tokens, at most {} are taken: shorten it, or train with a greater length.most", tokens.size(),
         limit.most);
  const int64_t head = limit.longer == "middle" ? (limit.most + 1) / 2 : limit.most;
  tokens.erase(tokens.begin() + head, tokens.end() - (limit.most - head));
}

}  // namespace tandem::data
