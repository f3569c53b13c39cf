#include <bench/report.h>
#include <fmt/format.h>

#include <algorithm>

namespace tandem::bench {

std::string Table::markdown() const {
  const auto line = [](const std::vector<std::string>& cells) {
    std::string out = "|";
    for (const std::string& cell : cells) out += " " + cell + " |";
    return out + "\n";
  };
  std::string out = line(head) + "|---|";
  for (size_t i = 1; i < head.size(); ++i) out += "--:|";
  out += "\n";
  for (const auto& row : rows) out += line(row);
  return out;
}

std::string with_section(const std::string& page, const std::vector<std::string>& order, const std::string& title,
                         const std::string& text) {
  // The page in parts: what stands before the first section, then each section.
  std::vector<std::string> parts;
  for (size_t at = 0; at < page.size();) {
    const size_t next = page.find("\n## ", at);
    const size_t end = next == std::string::npos ? page.size() : next + 1;
    parts.push_back(page.substr(at, end - at));
    at = end;
  }
  const auto place = [&](const std::string& part) {
    for (size_t i = 0; i < order.size(); ++i)
      if (part.starts_with("## " + order[i] + "\n")) return static_cast<int>(i);
    return -1;
  };
  const std::string fresh = "## " + title + "\n\n" + text + "\n";
  const int own = place(fresh);
  std::erase_if(parts, [&](const std::string& part) { return place(part) == own; });
  const auto after = std::ranges::find_if(parts, [&](const std::string& part) { return place(part) > own; });
  parts.insert(after, fresh);
  std::string out;
  for (const std::string& part : parts) {
    const size_t last = part.find_last_not_of('\n');
    out += (out.empty() ? "" : "\n") + part.substr(0, last + 1) + "\n";
  }
  return out;
}

std::string time_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.{}f} ms", seconds * 1e3, seconds >= 0.1 ? 0 : seconds >= 0.01 ? 1 : 2);
  return fmt::format("{:.1f} µs", seconds * 1e6);
}

std::string percent(double share) { return fmt::format("{:.{}f} %", share * 100, share < 0.1 ? 1 : 0); }

}  // namespace tandem::bench
