#include <tandem/base/text.h>
#include <tandem/data/formats/lines.h>
#include <tandem/data/text/vectors.h>

#include <charconv>
#include <cmath>

namespace tandem::data {
namespace {

/// The numbers of a line and the word before them. A word may itself hold blanks ("New York"), so the last `size`
/// fields are the numbers; `size` 0 takes all but the first.
struct Line {
  std::string_view word;
  std::vector<float> numbers;
};

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < line.size();) {
    const size_t begin = line.find_first_not_of(" \t", at);
    if (begin == std::string_view::npos) break;
    const size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    out.push_back(line.substr(begin, end - begin));
    at = end;
  }
  return out;
}

bool is_whole(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

Line parse(std::string_view line, size_t size, const std::string& where) {
  const auto fields = fields_of(line);
  if (size == 0) size = fields.size() < 2 ? 0 : fields.size() - 1;
  if (size == 0 || fields.size() <= size)
    fail(ErrorKind::data, where, "has {} fields, expected a word and {} numbers", fields.size(),
         size == 0 ? "its" : std::to_string(size));
  Line out;
  const size_t first = fields.size() - size;
  out.word = line.substr(static_cast<size_t>(fields[0].data() - line.data()),
                         static_cast<size_t>(fields[first - 1].data() + fields[first - 1].size() - fields[0].data()));
  for (size_t i = first; i < fields.size(); ++i) {
    float value = 0;
    const auto [end, error] = std::from_chars(fields[i].data(), fields[i].data() + fields[i].size(), value);
    if (error != std::errc{} || end != fields[i].data() + fields[i].size() || !std::isfinite(value))
      fail(ErrorKind::data, where, "'{}' is no number: expected the {} numbers of '{}'", fields[i], size, out.word);
    out.numbers.push_back(value);
  }
  return out;
}

void expect_width(int64_t given, int64_t width, const std::string& where) {
  if (given == width) return;
  fail(ErrorKind::data, where, "has {} numbers a word, the network's embedding {}{}",
       given < 0 ? "impossibly many" : std::to_string(given), width,
       given > 0 ? fmt::format(": set embedding: {}", given) : "");
}

}  // namespace

WordVectors read_word_vectors(const fs::path& path, const Tokenizer& tokenizer, int64_t width, const Rng& rng) {
  LineReader lines(path);
  WordVectors out;
  size_t size = 0;
  int64_t announced = -1, words = 0;
  std::vector<bool> known(static_cast<size_t>(tokenizer.size()), false);
  double sum = 0, squares = 0;
  for (std::string text; lines.next(text);) {
    const std::string where = fmt::format("{}:{}", path.string(), lines.line());
    if (lines.line() == 1)
      if (const auto head = fields_of(text); head.size() == 2 && is_whole(head[0]) && is_whole(head[1])) {
        (void)std::from_chars(head[0].data(), head[0].data() + head[0].size(), announced);
        const auto read = std::from_chars(head[1].data(), head[1].data() + head[1].size(), size);
        expect_width(read.ec == std::errc{} && size < (1U << 30) ? static_cast<int64_t>(size) : -1, width, where);
        continue;
      }
    if (text.empty()) continue;
    const Line line = parse(text, size, where);
    ++words;
    if (!out.values.defined()) {
      size = line.numbers.size();
      expect_width(std::ssize(line.numbers), width, where);
      out.values = Tensor::empty({tokenizer.size(), width});
    }
    const auto id = tokenizer.find(std::string(line.word));
    if (!id || known[static_cast<size_t>(*id)]) continue;
    known[static_cast<size_t>(*id)] = true;
    ++out.found;
    std::ranges::copy(line.numbers, out.values.rows(*id, *id + 1).data<float>().begin());
    for (const float x : line.numbers) sum += x, squares += static_cast<double>(x) * x;
  }
  if (announced >= 0 && words != announced)
    fail(ErrorKind::data, path.string(), "says that it has {} words and has {}: the file is not whole", announced,
         words);
  if (out.found == 0)
    fail(ErrorKind::data, path.string(),
         "has none of the {} tokens of the texts: is it in their language, and cut into {}s?",
         grouped(tokenizer.tokens()), tokenizer.options().type);

  const double n = static_cast<double>(out.found) * static_cast<double>(size);
  const double mean = sum / n, spread = std::sqrt(std::max(squares / n - mean * mean, 0.0));
  for (int64_t id = 0; id < tokenizer.size(); ++id) {
    if (known[static_cast<size_t>(id)]) continue;
    Rng own = rng.split(static_cast<uint64_t>(id));
    for (float& x : out.values.rows(id, id + 1).data<float>()) x = static_cast<float>(spread * own.normal());
  }
  return out;
}

}  // namespace tandem::data
