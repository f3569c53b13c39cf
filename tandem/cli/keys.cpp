#include <tandem/cli/keys.h>
#include <tandem/data/formats/resize.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>

namespace tandem::cli {

std::string blocks(const Tensor& picture, bool colour, int64_t columns) {
  Tensor p = picture;
  const int64_t most = colour ? columns : columns / 2;
  if (p.size(1) > most) p = data::resize(p, std::max<int64_t>(1, p.size(0) * most / p.size(1)), most);
  const int64_t h = p.size(0), w = p.size(1), c = p.size(2);
  const auto pixels = p.data<const uint8_t>();
  const auto at = [&](int64_t y, int64_t x, int64_t channel) {
    return y < h ? int{pixels[static_cast<size_t>((y * w + x) * c + std::min(channel, c - 1))]} : 0;
  };
  std::string out;
  if (colour) {
    for (int64_t y = 0; y < h; y += 2) {
      for (int64_t x = 0; x < w; ++x)
        out += fmt::format("\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀", at(y, x, 0), at(y, x, 1), at(y, x, 2),
                           at(y + 1, x, 0), at(y + 1, x, 1), at(y + 1, x, 2));
      out += "\x1b[0m\n";
    }
    return out;
  }
  constexpr std::string_view ramp = " .:-=+*#%@";
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) {
      const int light = (299 * at(y, x, 0) + 587 * at(y, x, 1) + 114 * at(y, x, 2)) / 1000;
      out += std::string(2, ramp[static_cast<size_t>(light) * ramp.size() / 256]);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

std::optional<std::string> ask() {
  if (!isatty(STDIN_FILENO)) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  termios before{};
  if (tcgetattr(STDIN_FILENO, &before) != 0) return std::nullopt;
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1, raw.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  char key = 0;
  const ssize_t got = ::read(STDIN_FILENO, &key, 1);  // a signal ends it: Ctrl-C leaves as the end of the input does
  tcsetattr(STDIN_FILENO, TCSANOW, &before);
  if (got != 1 || key == 4) return std::nullopt;
  if (key == '\n' || key == ' ') return "";
  if (key == 127 || key == 8) return "<";
  return std::string(1, key);
}

std::vector<std::string> keys_for(const std::vector<std::string>& classes) {
  const auto single = [](const std::string& name) { return name.size() == 1 && name != "<" && name != " "; };
  if (std::ranges::all_of(classes, single)) return classes;
  constexpr std::string_view keys = "123456789abcdefghijklmnopqrstuvwxyz";
  std::vector<std::string> out;
  for (size_t i = 0; i < classes.size(); ++i) out.push_back(i < keys.size() ? std::string(1, keys[i]) : "");
  return out;
}

std::string person_or_user(const std::string& given) {
  if (!given.empty()) return given;
  const char* user = std::getenv("USER");
  return user && *user ? user : "me";
}

}  // namespace tandem::cli
