// An HTTP/1.1 server: one thread reads and writes every connection, handlers answer when they are ready.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::deploy {

struct Request {
  std::string method;  // as sent: "GET"
  std::string path;    // before "?", as sent
  std::string query;   // behind it
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  /// True from when the client has ended its side of the connection: whoever works on a long answer may give it up.
  std::shared_ptr<const std::atomic<bool>> gone = {};

  /// The value of the header `name` (in lower case), or "".
  [[nodiscard]] const std::string& header(std::string_view name) const;
  /// The value of `name` in a query "method=occlusion&class=3", or "". Nothing is decoded.
  [[nodiscard]] std::string parameter(std::string_view name) const;
};

/// An answer that another thread writes piece by piece.
class Feed {
 public:
  void push(std::string_view piece);
  void end();

  /// For the server. What was pushed since the last call: "" nothing, none at the end.
  [[nodiscard]] std::optional<std::string> take();
  /// Called on whichever thread pushes; one without a target calls nothing from here on.
  void on_change(std::function<void()> wake);

 private:
  std::mutex mutex_;
  std::string text_;
  bool ended_ = false;
  std::function<void()> wake_;
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// An answer that goes on (text/event-stream): asked twice a second, on the server's thread, for what comes next; ""
  /// when there is nothing new. The connection closes when it gives none.
  std::function<std::optional<std::string>()> follow = {};
  /// Another that goes on: written as soon as there is something, and to its end also while the server ends.
  std::shared_ptr<Feed> feed = {};
};

/// Thrown for a request that cannot be answered. The message is for the client.
class Refused : public std::runtime_error {
 public:
  Refused(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  int status_;
};

/// Answers a request; called once, from any thread, while the server lives.
using Respond = std::function<void(Response)>;
/// Called on the server's thread and must not wait: what takes long answers from elsewhere. What it throws becomes a
/// 500 that says nothing of the cause.
using Handler = std::function<void(Request, const Respond&)>;

struct HttpOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;                                                   // 0: a free one
  int64_t most_body = int64_t{8} << 20, most_header = int64_t{16} << 10;  // bytes
  int64_t most_connections = 1000;
  // A request's header must be there after `idle`, its body after another `transfer`, and so long may an answer take to
  // be fetched; slower connections are closed. The end waits `grace` for what is under way.
  std::chrono::milliseconds idle{30'000}, transfer{30'000}, grace{10'000};
};

/// A request that breaks HTTP or a limit gets its 4xx and its connection is closed: 400 (malformed), 408, 413 (body),
/// 431 (header). One connection above the limit gets 503.
class HttpServer {
 public:
  /// Listens from here on. Throws a usage error for an address or port that cannot be had.
  HttpServer(HttpOptions options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] int64_t connections() const;
  /// Serves until stop(): then no new connection is taken, and it returns when each request that came is answered.
  void run();
  /// From any thread.
  void stop();
  /// Calls `act` on the server's thread each time the process gets the signal. Before run().
  void on_signal(int number, std::function<void()> act);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "Not Found" and the like.
[[nodiscard]] std::string reason_of(int status);

}  // namespace tandem::deploy
