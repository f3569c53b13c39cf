// Tokens and roles, foreign pages, and the table of paths.
#include <tandem/deploy/routes.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using deploy::Access;
using deploy::Request;
using deploy::Role;

Request with(std::vector<std::pair<std::string, std::string>> headers) {
  return {"GET", "/", "", "", std::move(headers)};
}

TEST(Access, KnowsTokensByRole) {
  const Access access = Access::parse(
      "# who asks\n\npredict 0123456789abcdef\nadminister  fedcba9876543210\ncorrect 00000000000000001\n", "tokens");
  EXPECT_FALSE(access.open());
  const auto role = [&](const std::string& value) { return access.role_of(with({{"authorization", value}})); };
  EXPECT_EQ(role("Bearer 0123456789abcdef"), Role::predict);
  EXPECT_EQ(role("Bearer fedcba9876543210"), Role::administer);
  EXPECT_EQ(role("Bearer 00000000000000001"), Role::correct);
  for (const char* bad : {"", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0",
                          "bearer 0123456789abcdef", "0123456789abcdef", "Bearer  0123456789abcdef"})
    EXPECT_FALSE(role(bad).has_value()) << bad;
  EXPECT_FALSE(access.role_of(with({})).has_value());
  EXPECT_TRUE(Role::predict < Role::correct && Role::correct < Role::administer);
}

TEST(Access, ATokenWithTwoRolesHasTheHigher) {
  for (const char* lines : {"predict 0123456789abcdef\nadminister 0123456789abcdef\n",
                            "administer 0123456789abcdef\npredict 0123456789abcdef\n"})
    EXPECT_EQ(Access::parse(lines, "tokens").role_of(with({{"authorization", "Bearer 0123456789abcdef"}})),
              Role::administer)
        << lines;
}

TEST(Access, LoopbackIsThisMachineAlone) {
  for (const char* own : {"::1", "[::1]", "127.0.0.1", "127.255.0.3"}) EXPECT_TRUE(deploy::is_loopback(own)) << own;
  for (const char* other : {"0.0.0.0", "::", "192.168.0.1", "127.0.0.1.evil.example", "localhost", ""})
    EXPECT_FALSE(deploy::is_loopback(other)) << other;
}

TEST(Access, RefusesLinesWithoutShowingTokens) {
  const auto refuse = [](const std::string& text, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::usage, parts, [&] { (void)Access::parse(text, "tokens"); });
    try {
      (void)Access::parse(text, "tokens");
    } catch (const Error& e) {
      EXPECT_EQ(std::string(e.what()).find("secret"), std::string::npos) << e.what();
    }
  };
  refuse("", {"tokens", "has no token"});
  refuse("# nothing\n", {"has no token"});
  refuse("\nroot secretsecretsecret\n", {"tokens:2", "predict, correct or administer"});
  refuse("predict\n", {"tokens:1", "ROLE TOKEN"});
  refuse("predict secretsecretsecret twice\n", {"tokens:1", "ROLE TOKEN"});
  refuse("predict secret\n", {"tokens:1", "has 6 characters, expected at least 16"});
}

TEST(Access, SeesForeignPages) {
  const auto check = [](const std::string& host, const std::string& origin, bool local) {
    auto request = with({{"host", host}});
    if (!origin.empty()) request.headers.emplace_back("origin", origin);
    return deploy::foreign(request, local);
  };
  EXPECT_FALSE(check("127.0.0.1:8080", "", true));
  EXPECT_FALSE(check("localhost:8080", "http://localhost:8080", true));
  EXPECT_FALSE(check("[::1]:8080", "http://[::1]:8080", true));
  EXPECT_TRUE(check("localhost:8080", "http://localhost:9090", true));
  EXPECT_TRUE(check("localhost:8080", "https://evil.example", true));
  EXPECT_TRUE(check("localhost:8080", "null", true));
  EXPECT_TRUE(check("evil.example:8080", "", true)) << "DNS rebinding";
  EXPECT_TRUE(check("127.0.0.1.evil.example", "", true));
  EXPECT_FALSE(check("", "", true)) << "HTTP/1.0 names no host";
  EXPECT_FALSE(check("models.example", "", false));
  EXPECT_FALSE(check("models.example", "https://models.example", false));
  EXPECT_TRUE(check("models.example", "https://evil.example", false));
}

TEST(Routes, MatchPathsAndMethods) {
  const auto m = deploy::match("POST", "/v2/models/a%2Db/versions/7/infer");
  ASSERT_TRUE(m.route);
  EXPECT_EQ(m.route->action, deploy::Action::infer);
  EXPECT_EQ(m.values.at("model"), "a-b");
  EXPECT_EQ(m.values.at("version"), "7");
  EXPECT_EQ(deploy::match("HEAD", "/v2/health/live").route->action, deploy::Action::live);
  EXPECT_EQ(deploy::match("GET", "/v2/").route->action, deploy::Action::server);
  EXPECT_EQ(deploy::match("GET", "/").route->action, deploy::Action::page);
  EXPECT_EQ(deploy::match("DELETE", "/v2/models/a").allowed, "GET");
  for (const char* path : {"", "v2", "/v3", "/v2/model", "/v2/model/", "/v2/models//infer", "/v2/models/%/ready",
                           "/v2/models/%zz/ready", "/v2/models/a/b/c/d/e", "*", "http://localhost/v2"}) {
    const auto none = deploy::match("GET", path);
    EXPECT_FALSE(none.route) << path;
    EXPECT_TRUE(none.allowed.empty()) << path;
  }
}

TEST(Routes, TheDocumentNamesEveryRouteOnce) {
  const auto j = nlohmann::json::parse(deploy::openapi());
  EXPECT_EQ(j["openapi"], "3.0.3");
  std::set<std::string> names;
  for (const auto& route : deploy::routes()) {
    std::string method = route.method;
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const auto& operation = j["paths"][route.path][method];
    EXPECT_EQ(operation["operationId"], route.name);
    EXPECT_EQ(operation["security"].empty(), !route.role.has_value()) << route.path;
    names.insert(route.name);
  }
  EXPECT_EQ(names.size(), deploy::routes().size()) << "operationIds are unique";
}

}  // namespace
}  // namespace tandem::testing
