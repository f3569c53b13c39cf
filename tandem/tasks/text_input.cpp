#include <tandem/base/random.h>
#include <tandem/base/threads.h>
#include <tandem/tasks/input.h>
#include <tandem/tasks/text_input.h>

#include <algorithm>

namespace tandem::tasks {
namespace {

constexpr std::string_view prefix = "tokenizer.";

}  // namespace

void TextOptions::fields(Fields& f) {
  source.fields(f);
  f("tokenizer", tokenizer);
  f("length", length);
  f("vectors", vectors);
}

void TextInput::fields(Fields& f) {
  f("tokenizer", options);
  f("length", length);
}

std::vector<std::pair<std::string, Tensor>> TextInput::tensors() const {
  auto out = tokenizer.tensors();
  for (auto& [name, tensor] : out) name.insert(0, prefix);
  return out;
}

void TextInput::restore(const std::vector<std::pair<std::string, Tensor>>& tensors, const std::string& where) {
  const auto find = [&](const std::string& name) {
    const auto found = std::ranges::find(tensors, std::string(prefix) + name, &std::pair<std::string, Tensor>::first);
    return found == tensors.end() ? Tensor{} : found->second;
  };
  tokenizer = data::Tokenizer::restore(options, find, where);
}

bool is_text_tensor(const std::string& name) { return name.starts_with(prefix); }

TextInput fit_input(const data::Texts& train, const TextOptions& options) {
  return {options.length, options.tokenizer, data::Tokenizer::fit(options.tokenizer, train)};
}

std::vector<std::vector<int32_t>> encode(const TextInput& input, const data::Texts& texts) {
  std::vector<std::vector<int32_t>> out(texts.size());
  parallel_for(std::ssize(texts), 64, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      data::check_utf8(texts[i], fmt::format("text {}", i + 1));
      out[i] = input.tokenizer.encode(texts[i], input.length);
      const data::SpecialTokens& special = input.tokenizer.special();
      if (std::ranges::all_of(out[i], [&](int32_t id) { return id == special.start || id == special.end; }))
        fail(ErrorKind::data, fmt::format("text {}", i + 1),
             "is empty: there is no word in it that could say anything");
    }
  });
  return out;
}

Batch pack(const TextInput& input, const std::vector<std::vector<int32_t>>& tokens, std::span<const int64_t> indices,
           double dropout, const Rng& rng) {
  const data::SpecialTokens& special = input.tokenizer.special();
  std::vector<int32_t> ids;
  Batch out;
  for (const int64_t i : indices) {
    const std::vector<int32_t>& text = tokens[static_cast<size_t>(i)];
    const size_t begin = ids.size();
    if (dropout > 0) {
      Rng own = rng.split(static_cast<uint64_t>(i));
      for (const int32_t id : text)
        if (const bool drop = own.chance(dropout); !drop || id == special.start || id == special.end) ids.push_back(id);
      if (ids.size() == begin) ids.push_back(text[static_cast<size_t>(own.below(std::ssize(text)))]);
    } else {
      ids.insert(ids.end(), text.begin(), text.end());
    }
    out.lengths.push_back(static_cast<int64_t>(ids.size() - begin));
  }
  out.x = Tensor::from(ids, {std::ssize(ids)});
  return out;
}

double unknown_share(const TextInput& input, const std::string& text) {
  const std::vector<int32_t> ids = input.tokenizer.encode(text, input.length);
  int64_t tokens = 0, unknown = 0;
  for (const int32_t id : ids) {
    const data::SpecialTokens& special = input.tokenizer.special();
    tokens += id < input.tokenizer.tokens() && id != special.start && id != special.end ? 1 : 0;
    unknown += id == special.unknown ? 1 : 0;
  }
  return tokens == 0 ? 1 : static_cast<double>(unknown) / static_cast<double>(tokens);
}

}  // namespace tandem::tasks
