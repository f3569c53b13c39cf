#include <tandem/base/text.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace tandem {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same =
          std::tolower(static_cast<unsigned char>(a[i - 1])) == std::tolower(static_cast<unsigned char>(b[j - 1]));
      const size_t change = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

size_t first_invalid_utf8(std::string_view text) {
  const auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  for (size_t at = 0; at < text.size();) {
    const unsigned first = byte(at);
    // How many bytes follow, and the range of the first of them, which rules out what could be written shorter.
    size_t more = 0;
    unsigned low = 0x80, high = 0xbf;
    if (first < 0x80) {
      ++at;
      continue;
    }
    if (first >= 0xc2 && first <= 0xdf) more = 1;
    if (first >= 0xe0 && first <= 0xef) more = 2;
    if (first >= 0xf0 && first <= 0xf4) more = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (more == 0 || byte(at + 1) < low || byte(at + 1) > high) return at;
    for (size_t i = 2; i <= more; ++i)
      if (byte(at + i) < 0x80 || byte(at + i) > 0xbf) return at;
    at += more + 1;
  }
  return text.size();
}

std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  const int64_t first = number < 0 ? 1 : 0;
  for (int64_t at = static_cast<int64_t>(text.size()) - 3; at > first; at -= 3)
    text.insert(static_cast<size_t>(at), ",");
  return text;
}

}  // namespace tandem
