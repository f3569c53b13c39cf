#include <fcntl.h>
#include <tandem/base/error.h>
#include <tandem/data/formats/csv_field.h>
#include <tandem/data/labels.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

namespace tandem::data {
namespace {

constexpr std::string_view heading = "file,label,person,time\n";

// The records of a table, each with the line it starts in. What follows the last end of a line is not whole.
std::vector<std::pair<int64_t, std::vector<std::string>>> records(const std::string& text) {
  std::vector<std::pair<int64_t, std::vector<std::string>>> out;
  std::vector<std::string> row(1);
  bool quoted = false;
  int64_t line = 1, started = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      row.back() += '"', ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      row.emplace_back();
    } else if (c == '\n' && !quoted) {
      if (!row.back().empty() && row.back().back() == '\r') row.back().pop_back();
      if (row.size() > 1 || !row.back().empty()) out.emplace_back(started, row);
      row.assign(1, ""), started = line;
    } else {
      row.back() += c;
    }
  }
  return out;
}

}  // namespace

std::vector<Label> read_labels(const fs::path& folder) {
  const fs::path path = folder / labels_file;
  if (!fs::exists(path)) return {};
  std::vector<Label> out;
  std::map<std::string, size_t> at;
  const auto rows = records(read_text(path));
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& [line, row] = rows[i];
    const bool right = i == 0 ? row == std::vector<std::string>{"file", "label", "person", "time"} : row.size() == 4;
    if (!right)
      fail(ErrorKind::data, path.string(), "line {}: expected {}", line,
           i == 0 ? "the heading file,label,person,time" : fmt::format("4 fields, got {}", row.size()));
    if (i == 0) continue;
    const fs::path named = row[0];
    if (named.empty() || named.is_absolute() ||
        std::ranges::any_of(named, [](const fs::path& part) { return part == ".."; }))
      fail(ErrorKind::data, path.string(), "line {}: names '{}', expected a file inside this folder", line, row[0]);
    const auto [found, fresh] = at.emplace(row[0], out.size());
    if (fresh) out.emplace_back();
    out[found->second] = {row[0], row[1], row[2], row[3]};
  }
  return out;
}

void append_label(const fs::path& folder, const Label& label) {
  const fs::path path = folder / labels_file;
  const auto refuse = [&](const char* what) {
    fail(ErrorKind::file, path.string(), "{}: {}", what, std::strerror(errno));
  };
  const std::string line = fmt::format("{},{},{},{}\n", csv_field(label.file), csv_field(label.label),
                                       csv_field(label.person), csv_field(label.time));
  if (!fs::exists(path)) write_text(path, heading);
  // A line that a crash cut short goes before the next is written.
  const std::string text = read_text(path);
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) refuse("cannot be opened for writing");
  const auto end = static_cast<off_t>(text.rfind('\n') + 1);
  const bool good = ::ftruncate(file, end) == 0 && ::lseek(file, end, SEEK_SET) == end &&
                    ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(file) == 0;
  if (!good) {
    const int error = errno;
    ::close(file);
    errno = error;
    refuse("cannot be written");
  }
  ::close(file);
}

}  // namespace tandem::data
