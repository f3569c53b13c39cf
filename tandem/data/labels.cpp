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

// The whole records of a table, each with the line it starts in, and where the last of them ends: a crash may have cut
// the next one short, also inside a quoted field that holds ends of lines.
struct Records {
  std::vector<std::pair<int64_t, std::vector<std::string>>> rows;
  size_t end = 0;
};

Records records_in(const std::string& text) {
  Records out;
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
      if (row.size() > 1 || !row.back().empty()) out.rows.emplace_back(started, row);
      row.assign(1, ""), started = line, out.end = i + 1;
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
  const auto rows = records_in(read_text(path)).rows;
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
  const auto end = static_cast<off_t>(records_in(read_text(path)).end);  // what a crash cut short goes
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) refuse("cannot be opened for writing");
  const auto written = [&] {
    for (size_t done = 0; done < line.size();) {  // a disk may take a part first and say why at the next
      const ssize_t put = ::pwrite(file, line.data() + done, line.size() - done, end + static_cast<off_t>(done));
      if (put < 0) return false;
      done += static_cast<size_t>(put);
    }
    return true;
  };
  if (::ftruncate(file, end) != 0 || !written() || ::fsync(file) != 0) {
    const int error = errno;
    ::close(file);
    errno = error;
    refuse("cannot be written");
  }
  ::close(file);
}

}  // namespace tandem::data
