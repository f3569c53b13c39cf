#include <openssl/crypto.h>
#include <tandem/base/checksum.h>
#include <tandem/base/error.h>
#include <tandem/deploy/access.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace tandem::deploy {
namespace {

// "[::1]:8080" and "localhost:8080" without the port.
std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.rfind(':'));
}

}  // namespace

Access Access::parse(const std::string& text, const std::string& where) {
  Access out;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string role, token, rest;
    words >> role >> token >> rest;
    if (role.empty() || role[0] == '#') continue;
    const std::string at = fmt::format("{}:{}", where, number);
    constexpr std::array<std::string_view, 3> names{"predict", "correct", "administer"};  // in the order of Role
    const auto found = std::ranges::find(names, std::string_view(role));
    if (found == names.end() || token.empty() || !rest.empty())
      fail(at, "expected 'ROLE TOKEN' with a role of predict, correct or administer");
    if (token.size() < least_token)
      fail(at, "the token has {} characters, expected at least {}: `openssl rand -hex 16` makes one", token.size(),
           least_token);
    out.tokens_.push_back({sha256(token), static_cast<Role>(found - names.begin())});
  }
  if (out.open())
    fail(where, "has no token: expected lines 'ROLE TOKEN' with a role of predict, correct or administer");
  return out;
}

std::optional<Role> Access::role_of(const Request& request) const {
  constexpr std::string_view scheme = "Bearer ";
  const std::string& given = request.header("authorization");
  if (!given.starts_with(scheme)) return std::nullopt;
  const std::string digest = sha256(std::string_view(given).substr(scheme.size()));
  std::optional<Role> out;
  for (const Token& t : tokens_)  // all of them, so that time does not tell which one it was
    if (CRYPTO_memcmp(t.digest.data(), digest.data(), digest.size()) == 0 && (!out || *out < t.role)) out = t.role;
  return out;
}

bool foreign(const Request& request, bool local) {
  const std::string_view host = request.header("host"), origin = request.header("origin");
  if (!origin.empty() && origin != fmt::format("http://{}", host) && origin != fmt::format("https://{}", host))
    return true;
  const std::string_view name = host_name(host);
  return local && !host.empty() && name != "localhost" && name != "[::1]" && !is_loopback(std::string(name));
}

bool is_loopback(const std::string& address) {
  return address == "::1" || address == "[::1]" ||
         (address.starts_with("127.") && address.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace tandem::deploy
