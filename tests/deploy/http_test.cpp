// HTTP itself: connections, limits, time, and a graceful end.
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>

#include "tests/deploy/serving.h"

namespace tandem::testing {
namespace {

using deploy::HttpOptions;
using deploy::Request;
using deploy::Respond;
using namespace std::chrono_literals;

/// Answers with what came; "/later" when release() is called, "/throw" by throwing.
class Echo {
 public:
  explicit Echo(HttpOptions options = {})
      : server_(on_a_free_port(options), [this](Request r, const Respond& respond) {
          if (r.path == "/throw") throw std::runtime_error("secret cause");
          if (r.path == "/later") {
            const std::scoped_lock lock(mutex_);
            waiting_.push_back(respond);
            changed_.notify_all();
            return;
          }
          respond({200,
                   fmt::format("{} {} {} {}", r.method, r.path, r.query, r.body),
                   "text/plain",
                   {{"X-Own", r.header("x-own")}}});
        }) {
    thread_ = std::thread([this] {
      server_.run();
      over_ = true;
    });
  }
  ~Echo() { stop(); }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  void stop() {
    if (!thread_.joinable()) return;
    server_.stop();
    release();
    thread_.join();
  }
  void await(size_t count) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, 10s, [&] { return waiting_.size() >= count; }));
  }
  void release() {
    const std::scoped_lock lock(mutex_);
    for (const auto& respond : waiting_) respond({200, "late", "text/plain"});
    waiting_.clear();
  }
  deploy::HttpServer& server() { return server_; }
  [[nodiscard]] uint16_t port() const { return server_.port(); }
  [[nodiscard]] bool over() const { return over_; }

 private:
  static HttpOptions on_a_free_port(HttpOptions options) {
    options.port = 0;
    return options;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Respond> waiting_;
  std::atomic<bool> over_ = false;
  deploy::HttpServer server_;
  std::thread thread_;
};

TEST(Http, AnswersOneAfterAnotherOnAConnection) {
  Echo echo;
  Client client(echo.port());
  const auto first = client.ask(request("POST", "/a?b=c", "body", "X-Own: mine\r\n"));
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "POST /a b=c body");
  EXPECT_NE(first.header.find("X-Own: mine\r\n"), std::string::npos);
  EXPECT_NE(first.header.find("X-Content-Type-Options: nosniff"), std::string::npos);
  EXPECT_EQ(client.ask(request("GET", "/again")).body, "GET /again  ");
  ASSERT_TRUE(client.send(request("HEAD", "/h") + request("GET", "/next")));
  const auto head = client.receive(true);
  EXPECT_NE(head.header.find("Content-Length: 9\r\n"), std::string::npos) << head.header;
  EXPECT_EQ(client.receive().body, "GET /next  ") << "HEAD has no body";
}

TEST(Http, WhatCouldBeReadInTwoWaysIsRefused) {
  Echo echo;
  const auto status = [&](const std::string& header, const std::string& rest = "") {
    return Client(echo.port()).ask("POST / HTTP/1." + header + "\r\n\r\n" + rest).status;
  };
  EXPECT_EQ(status("1\r\nHost: x\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 200);
  EXPECT_EQ(status("1\r\nHost: x\r\nContent-Length: 0"), 200);
  EXPECT_EQ(status("0\r\nContent-Length: 0"), 200);
  EXPECT_EQ(status("1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400);
  EXPECT_EQ(status("1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked", "0\r\n\r\n"), 400);
  EXPECT_EQ(status("1\r\nContent-Length: 0"), 400) << "no host";
  EXPECT_EQ(status("1\r\nHost: x\r\nHost: y\r\nContent-Length: 0"), 400);
  EXPECT_EQ(status("0\r\nHost: x\r\nHost: y\r\nContent-Length: 0"), 400);
  EXPECT_EQ(status("2\r\nHost: x\r\nContent-Length: 0"), 400) << "no version of ours";
}

TEST(Http, ABodyThatBreaksOffGetsNoAnswer) {
  Echo echo;
  Client client(echo.port()), header(echo.port());
  ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"));
  ASSERT_TRUE(header.send("GET / HTTP/1.1\r\nHo"));
  client.shut(), header.shut();
  EXPECT_EQ(client.receive().status, 0);
  EXPECT_EQ(header.receive().status, 0);
  EXPECT_EQ(Client(echo.port()).ask(request("GET", "/a")).status, 200);
}

TEST(Http, AConnectionThatIsResetGetsNoAnswerAndHarmsNobody) {
  Echo echo;
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(echo.port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(file, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  ASSERT_GT(::send(file, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", 49, MSG_NOSIGNAL), 0);
  for (int i = 0; i < 1000 && echo.server().connections() == 0; ++i) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(20ms);  // until the server waits for the body's rest
  const linger at_once{1, 0};
  ::setsockopt(file, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(file);
  EXPECT_EQ(Client(echo.port()).ask(request("GET", "/a")).status, 200);
  for (int i = 0; i < 5000 && echo.server().connections() > 0; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(echo.server().connections(), 0);
}

TEST(Http, AServerTakesAsManyFilesAsItMay) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = std::min<rlim_t>(before.rlim_cur, 512);
  if (few.rlim_cur == before.rlim_max) GTEST_SKIP() << "no more than 512 files are allowed here";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  { const Echo echo; }
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  (void)::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(Http, AParameterIsWhatStandsBehindItsName) {
  Request asked;
  asked.query = "method=occlusion&class&class=3&empty=&x=a=b";
  EXPECT_EQ(asked.parameter("method"), "occlusion");
  EXPECT_EQ(asked.parameter("class"), "3");
  EXPECT_EQ(asked.parameter("empty"), "");
  EXPECT_EQ(asked.parameter("x"), "a=b");
  EXPECT_EQ(asked.parameter("y"), "");
}

TEST(Http, PipelinedRequestsAreAnsweredInOrder) {
  Echo echo;
  Client client(echo.port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += request("POST", fmt::format("/{}", i), std::string(static_cast<size_t>(i), 'x'));
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(client.receive().body, fmt::format("POST /{}  {}", i, std::string(static_cast<size_t>(i), 'x')));
}

TEST(Http, TakesChunksHoweverTheyAreCut) {
  Echo echo;
  Client client(echo.port());
  const std::string chunked =
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\nchunks\r\n1;note=1\r\n \r\n6\r\nof six\r\n0\r\n\r\n";
  for (const char c : chunked) ASSERT_TRUE(client.send(std::string(1, c)));
  EXPECT_EQ(client.receive().body, "POST /c  chunks of six");
  EXPECT_EQ(client.ask(request("GET", "/after")).status, 200);
}

TEST(Http, ClosesWhenAskedTo) {
  Echo echo;
  Client http11(echo.port()), http10(echo.port());
  EXPECT_EQ(http11.ask("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 200);
  EXPECT_TRUE(http11.ended());
  EXPECT_EQ(http10.ask("GET /a HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(http10.ended());
}

TEST(Http, SaysContinueToThoseWhoWaitForIt) {
  Echo echo;
  Client client(echo.port());
  EXPECT_EQ(client.ask("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").status, 100);
  EXPECT_EQ(client.ask("hi").body, "POST /a  hi");
}

TEST(Http, TheCauseOfAFailureStaysInside) {
  Echo echo;
  Client client(echo.port());
  const auto failed = client.ask(request("GET", "/throw"));
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(failed.body.find("secret"), std::string::npos);
  EXPECT_EQ(client.ask(request("GET", "/a")).status, 200);
}

TEST(Http, RefusesMoreThanItsLimits) {
  HttpOptions options;
  options.most_body = 100;
  options.most_header = 2000;
  options.most_connections = 3;
  Echo echo(options);
  const auto status = [&](const std::string& bytes) {
    Client client(echo.port());
    const int got = client.ask(bytes).status;
    EXPECT_TRUE(client.ended());
    return got;
  };
  EXPECT_EQ(status(request("POST", "/", std::string(101, 'x'))), 413);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n"), 413);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x')),
            413);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(3000, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(status("GET /" + std::string(3000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), 431);
  while (echo.server().connections() > 0) std::this_thread::sleep_for(1ms);
  Client a(echo.port()), b(echo.port()), c(echo.port());
  for (Client* client : {&a, &b, &c}) EXPECT_EQ(client->ask(request("GET", "/a")).status, 200);
  Client d(echo.port());
  const auto refused = d.receive();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.header.find("Retry-After: 1"), std::string::npos);
}

TEST(Http, SlowConnectionsAreClosedAndHoldUpNobody) {
  HttpOptions options;
  options.idle = 300ms;
  options.transfer = 300ms;
  Echo echo(options);
  Client idle(echo.port()), header(echo.port()), body(echo.port());
  ASSERT_TRUE(header.send("GET / HTT"));
  ASSERT_TRUE(body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc"));
  std::vector<std::unique_ptr<Client>> many;
  for (int i = 0; i < 300; ++i) {
    many.push_back(std::make_unique<Client>(echo.port()));
    ASSERT_TRUE(many.back()->send("G"));
  }
  EXPECT_EQ(Client(echo.port()).ask(request("GET", "/a")).status, 200);
  EXPECT_TRUE(idle.ended()) << "without a word";
  EXPECT_EQ(header.receive().status, 408);
  EXPECT_EQ(body.receive().status, 408);
  for (auto& client : many) EXPECT_EQ(client->receive().status, 408);
}

TEST(Http, TheEndWaitsForWhatIsUnderWay) {
  Echo echo;
  Client asking(echo.port()), idle(echo.port());
  EXPECT_EQ(idle.ask(request("GET", "/a")).status, 200);
  ASSERT_TRUE(asking.send(request("GET", "/later")));
  echo.await(1);
  echo.server().stop();
  EXPECT_TRUE(idle.ended());
  EXPECT_FALSE(Client(echo.port()).connected() && Client(echo.port()).ask(request("GET", "/a")).status == 200);
  EXPECT_FALSE(echo.over());
  echo.release();
  const auto late = asking.receive();
  EXPECT_EQ(late.body, "late");
  EXPECT_NE(late.header.find("Connection: close"), std::string::npos);
  echo.stop();
  EXPECT_TRUE(echo.over());
}

TEST(Http, TheEndDoesNotWaitForever) {
  HttpOptions options;
  options.grace = 100ms;
  Echo echo(options);
  Client asking(echo.port()), half(echo.port());
  ASSERT_TRUE(asking.send(request("GET", "/later")));
  ASSERT_TRUE(half.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc"));
  echo.await(1);
  echo.server().stop();
  for (int i = 0; i < 100 && !echo.over(); ++i) std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(echo.over());
}

TEST(Http, AddressesThatCannotBeHadAreNamed) {
  Echo echo;
  HttpOptions taken;
  taken.port = echo.port();
  const auto handler = [](Request, const Respond& respond) { respond({}); };
  expect_error(ErrorKind::usage, {"127.0.0.1", "cannot be had"}, [&] { deploy::HttpServer(taken, handler); });
  HttpOptions odd;
  odd.address = "localhost:1";
  expect_error(ErrorKind::usage, {"'localhost:1' is no IP address"}, [&] { deploy::HttpServer(odd, handler); });
}

}  // namespace
}  // namespace tandem::testing
