#include <gtest/gtest.h>

#include <atomic>

#include "tests/deploy/serving.h"

namespace tandem::deploy {
namespace {

using tandem::testing::Client;
using tandem::testing::request;

// A server whose answer is the pieces, one each time it is asked.
class Streaming {
 public:
  explicit Streaming(std::vector<std::string> pieces, bool endless = false)
      : server_({.port = 0}, [this, pieces, endless](const Request&, const Respond& respond) {
          Response out{200, "", "text/event-stream"};
          out.follow = [this, pieces, endless, at = size_t{0}]() mutable -> std::optional<std::string> {
            ++asked;
            if (at < pieces.size()) return pieces[at++];
            return endless ? std::optional<std::string>("") : std::nullopt;
          };
          respond(std::move(out));
        }) {
    thread_ = std::thread([this] { server_.run(); });
  }
  ~Streaming() {
    server_.stop();
    thread_.join();
  }
  [[nodiscard]] uint16_t port() const { return server_.port(); }
  std::atomic<int> asked = 0;

 private:
  HttpServer server_;
  std::thread thread_;
};

TEST(HttpStream, PiecesComeAsTheyAreThereAndTheEndClosesTheConnection) {
  Streaming server({"one\n", "", "two\n"});
  Client client(server.port());
  ASSERT_TRUE(client.send(request("GET", "/")));
  const std::string all = client.rest();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200"));
  EXPECT_NE(all.find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_NE(all.find("Connection: close"), std::string::npos);
  EXPECT_EQ(all.find("Content-Length"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\r\n\r\none\ntwo\n")) << all;
  EXPECT_EQ(server.asked, 4);
}

TEST(HttpStream, AnEndlessOneDoesNotHoldUpOthersNorTheEnd) {
  Streaming server({"one\n"}, true);
  Client first(server.port()), second(server.port());
  ASSERT_TRUE(first.send(request("GET", "/")));
  ASSERT_TRUE(second.send(request("HEAD", "/")));
  EXPECT_EQ(second.receive(true).status, 200);
}  // the server ends here, within its grace

}  // namespace
}  // namespace tandem::deploy
