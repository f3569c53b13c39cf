#include <tandem/cli/leaderboard.h>
#include <tandem/cli/terminal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace tandem::cli {
namespace {

using improve::State;
using improve::Trial;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string value_text(const improve::Objective& objective, double value) {
  if (objective.name == "accuracy") return fmt::format("{:.2f} %", 100 * value);
  if (objective.name == "loss") return fmt::format("{:.4f}", value);
  if (objective.name == "latency") return fmt::format("{:.3f} ms", value);
  return fmt::format("{:.0f}", value);
}

// At most so many characters, cut between them.
std::string cut(const std::string& text, size_t columns) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
    if (columns > 0 && ++seen > columns) return text.substr(0, i);
  }
  return text;
}

int64_t epochs_of(const std::vector<Trial>& trials) {
  int64_t sum = 0;
  for (const Trial& t : trials) sum += t.last() ? t.last()->epochs : 0;
  return sum;
}

// The end of a recipe's key that tells it from the others: lr for optimizer.lr. Variables keep their name.
std::string short_name(const std::string& name, const std::vector<improve::Parameter>& all) {
  if (name.starts_with('$')) return name;
  for (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
    const std::string end = name.substr(dot);
    if (std::ranges::count_if(all, [&](const auto& p) { return ("." + p.name).ends_with(end); }) == 1)
      return end.substr(1);
  }
  return name;
}

}  // namespace

std::vector<std::string> leaderboard(const improve::Search& search, const std::vector<Trial>& trials, size_t rows,
                                     size_t columns) {
  const auto& objectives = search.objectives();
  std::vector<std::vector<std::string>> table{{"trial", "epochs", "state"}};
  for (const auto& o : objectives) table.front().push_back(o.name);
  const auto& parameters = search.options().space.parameters();
  for (const auto& p : parameters) table.front().push_back(short_name(p.name, parameters));
  for (const size_t i : improve::leaders(trials, objectives)) {
    const Trial& t = trials[i];
    if (table.size() > rows || !t.last() || t.state == State::failed) break;
    std::vector<std::string> row{std::to_string(t.id), fmt::format("{}/{}", t.last()->epochs, t.limit),
                                 improve::name_of(t.state)};
    for (size_t k = 0; k < objectives.size(); ++k) row.push_back(value_text(objectives[k], t.last()->values[k]));
    for (size_t k = 0; k < parameters.size(); ++k)
      row.push_back(std::isnan(t.point[k]) ? "-" : cut(parameters[k].text(t.point[k]), 24));
    table.push_back(std::move(row));
  }
  std::vector<size_t> widths(table.front().size());
  for (const auto& row : table)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  size_t shown = 0, width = 0;  // whole columns only
  while (shown < widths.size() && (columns == 0 || width + 2 + widths[shown] <= columns - 3))
    width += 2 + widths[shown++];
  std::vector<std::string> out;
  for (const auto& row : table) {
    std::string line;
    for (size_t c = 0; c < shown; ++c) line += fmt::format("  {:>{}}", row[c], widths[c]);
    out.push_back(line + (shown < widths.size() ? "  …" : ""));
  }
  return out;
}

SearchDisplay::SearchDisplay(const improve::Search& search) : search_(search), started_(now()) {}

void SearchDisplay::step(const Trial& trial, const train::Progress& p) {
  if (!is_terminal() || now() - drawn_ < 0.2) return;
  running_ = fmt::format("trial {}  epoch {}/{}  loss {:.4f}  {:.0f} examples/s", trial.id, p.epoch, trial.target,
                         p.loss, p.examples_per_second);
  draw();
}

void SearchDisplay::changed(const std::vector<Trial>& trials) {
  trials_ = trials;
  if (is_terminal()) return draw();
  for (const Trial& t : trials) {
    const std::pair now_is{t.state, t.last() ? t.last()->epochs : 0};
    auto& before = said_[t.id];
    if (before == now_is || t.state == State::running) continue;
    before = now_is;
    std::string values;
    for (size_t k = 0; t.last() && k < search_.objectives().size(); ++k)
      values += fmt::format("  {} {}", search_.objectives()[k].name,
                            value_text(search_.objectives()[k], t.last()->values[k]));
    say(fmt::format("trial {:>4}  {:<8}  {:>3}/{} epochs{}{}", t.id, improve::name_of(t.state), now_is.second, t.limit,
                    values, t.message.empty() ? "" : "  " + t.message));
  }
}

void SearchDisplay::draw() {
  drawn_ = now();
  const size_t columns = columns_of(STDERR_FILENO) - 1;
  std::vector<std::string> lines{
      cut(fmt::format("{}  {} of {} trials, {} epochs, {}", search_.folder().path.string(), trials_.size(),
                      search_.options().trials, epochs_of(trials_), clock(now() - started_)),
          columns)};
  for (auto& line : leaderboard(search_, trials_, 10, columns)) lines.push_back(std::move(line));
  const auto failed = std::ranges::count(trials_, State::failed, &Trial::state);
  lines.push_back(cut(running_ + (failed > 0 ? fmt::format("  ({} failed)", failed) : ""), columns));
  std::string text;
  if (lines_ > 0) text += fmt::format("\x1b[{}A", lines_);
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool head = i == 1 && has_colour();
    text += fmt::format("\r\x1b[K{}{}{}\n", head ? "\x1b[2m" : "", lines[i], head ? "\x1b[0m" : "");
  }
  text += "\x1b[J";
  lines_ = lines.size();
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void SearchDisplay::close() {
  running_.clear();
  if (is_terminal()) draw();
}

}  // namespace tandem::cli
