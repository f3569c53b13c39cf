// Who may do what: tokens with roles, and requests that a foreign web page made.
#pragma once
#include <tandem/base/files.h>
#include <tandem/deploy/http.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::deploy {

/// Each may do what those before it may: ask the models; say what would have been right; change what is live.
enum class Role { predict, correct, administer };

/// A token is never kept, only its SHA-256: finding one compares digests of equal length in constant time.
class Access {
 public:
  static constexpr size_t least_token = 16;  // characters

  /// No tokens: whoever reaches the server may do everything, but see foreign().
  Access() = default;
  /// Lines "ROLE TOKEN"; empty lines and those that begin with # are skipped. Throws a usage error that names `where`
  /// and the line, never the token.
  [[nodiscard]] static Access parse(const std::string& text, const std::string& where);

  [[nodiscard]] bool open() const { return tokens_.empty(); }
  /// The role of the request's "Authorization: Bearer TOKEN"; none for a missing or unknown token.
  [[nodiscard]] std::optional<Role> role_of(const Request& request) const;

 private:
  struct Token {
    std::string digest;
    Role role;
  };
  std::vector<Token> tokens_;
};

/// Whether a browser says that another site's page made the request (Origin differs from Host), or, for a server that
/// listens on the machine itself alone (`local`), that it was reached by a foreign name (DNS rebinding).
[[nodiscard]] bool foreign(const Request& request, bool local);

/// Whether only this machine reaches the address: 127.0.0.0/8 or ::1.
[[nodiscard]] bool is_loopback(const std::string& address);

}  // namespace tandem::deploy
