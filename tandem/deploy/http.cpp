#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <tandem/base/error.h>
#include <tandem/deploy/http.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <thread>
#include <tuple>
#include <utility>

namespace tandem::deploy {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto token = net::as_tuple(net::use_awaitable);  // errors come back as values
constexpr std::chrono::milliseconds sweep_every{250}, follow_every{500};
constexpr std::chrono::seconds quiet{
    10};  // then a stream says that it is still there, and learns whether the client is

// The status that a failed read stands for; 0: nobody is there to be told.
int status_of(const error_code& error, bool overdue) {
  if (overdue) return 408;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit) return 431;
  if (error == http::error::partial_message) return 0;
  return error.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

Request take(http::request_parser<http::string_body>& parser) {
  auto& message = parser.get();
  Request out;
  out.method = message.method_string();
  const std::string_view target = message.target();
  const size_t question = std::min(target.find('?'), target.size());
  out.path = target.substr(0, question);
  out.query = target.substr(std::min(question + 1, target.size()));
  out.body = std::move(message.body());
  for (const auto& field : message) {
    out.headers.emplace_back(field.name_string(), field.value());
    std::ranges::transform(out.headers.back().first, out.headers.back().first.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  return out;
}

// What the parser lets through and attackers use: another coding than chunks, two hosts. It refuses other versions, and
// a body whose length is said in both ways.
bool ambiguous(const http::request_parser<http::string_body>& parser) {
  const auto& message = parser.get();
  const std::string_view coding = message[http::field::transfer_encoding];
  if (message.count(http::field::transfer_encoding) > 0 && !boost::beast::iequals(coding, "chunked")) return true;
  return message.version() == 10 ? message.count(http::field::host) > 1 : message.count(http::field::host) != 1;
}

}  // namespace

const std::string& Request::header(std::string_view name) const {
  static const std::string none;
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? none : found->second;
}

std::string Request::parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos) return std::string(pair.substr(equals + 1));
  }
  return "";
}

void Feed::push(std::string_view piece) {
  const std::scoped_lock lock(mutex_);
  text_ += piece;
  if (wake_) wake_();
}

void Feed::end() {
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  if (wake_) wake_();
}

std::optional<std::string> Feed::take() {
  const std::scoped_lock lock(mutex_);
  if (text_.empty() && ended_) return std::nullopt;
  return std::exchange(text_, {});
}

void Feed::on_change(std::function<void()> wake) {
  const std::scoped_lock lock(mutex_);
  wake_ = std::move(wake);
}

std::string reason_of(int status) {
  const auto text = http::obsolete_reason(static_cast<http::status>(status));
  return {text.data(), text.size()};
}

struct HttpServer::Impl {
  // A connection. The sweep closes it when `deadline` has passed.
  struct Session {
    tcp::socket socket;
    std::shared_ptr<std::atomic<bool>> gone = std::make_shared<std::atomic<bool>>(false);  // the client
    Clock::time_point deadline = Clock::time_point::max();
    bool waiting = true;     // for the first byte of a request
    bool answering = false;  // nothing is read until the answer is written
    bool overdue = false;
  };

  HttpOptions options;
  Handler handler;
  // Before `io`: what still waits there is destroyed with it.
  bool done = false, ended = false, accepting = false, sweeping = false, heeding = false;
  net::io_context io{1};
  tcp::acceptor acceptor{io};
  net::signal_set signals{io};
  std::vector<std::pair<int, std::function<void()>>> actions;
  std::list<Session> sessions;
  std::atomic<int64_t> count = 0;
  bool stopping = false;
  Clock::time_point end = Clock::time_point::max();
  uint16_t port = 0;

  Impl(HttpOptions given, Handler handle) : options(std::move(given)), handler(std::move(handle)) {}

  void listen() {
    error_code error;
    const auto address = net::ip::make_address(options.address, error);
    if (error) fail("address", "'{}' is no IP address, such as 127.0.0.1 or 0.0.0.0", options.address);
    const tcp::endpoint endpoint(address, options.port);
    try {
      acceptor.open(endpoint.protocol());
      acceptor.set_option(net::socket_base::reuse_address(true));
      acceptor.bind(endpoint);
      acceptor.listen();
      port = acceptor.local_endpoint().port();
    } catch (const boost::system::system_error& e) {
      fail("address", "{} port {} cannot be had: {}; choose another --port, or 0 for a free one", options.address,
           options.port, e.code().message());
    }
    rlimit files{};  // each connection is an open file
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max)
      files.rlim_cur = files.rlim_max, (void)::setrlimit(RLIMIT_NOFILE, &files);
  }

  // Whether a coroutine is there: for want of memory it may be destroyed where it waits.
  class Alive {
   public:
    explicit Alive(bool& flag) : flag_(&flag) { flag = true; }
    Alive(Alive&& other) noexcept : flag_(std::exchange(other.flag_, nullptr)) {}
    Alive& operator=(Alive&&) = delete;
    ~Alive() {
      if (flag_) *flag_ = false;
    }

   private:
    bool* flag_;
  };

  void finish() {
    done = true;
    io.stop();
  }

  // Until finish(). Where an allocation fails inside the library, run() throws, and what was waiting for it is
  // destroyed a moment later: then whatever is no longer alive begins anew.
  void work() {
    bool failed = false;
    while (!done) try {
        if (std::exchange(failed, false)) io.poll();
        io.restart();
        if (!accepting && !stopping) net::co_spawn(io, accept(Alive(accepting)), net::detached);
        if (!sweeping) net::co_spawn(io, sweep(Alive(sweeping)), net::detached);
        if (!heeding && !actions.empty()) net::co_spawn(io, heed_signals(Alive(heeding)), net::detached);
        if (!done) io.run();
      } catch (const std::bad_alloc&) {
        failed = true;
      }
  }

  // Ends a session with the coroutine that holds this, also when that is destroyed where it waits, for want of memory.
  struct Leave {
    Impl* impl;
    std::list<Session>::iterator at;
    Leave(Impl& owner, std::list<Session>::iterator session) : impl(&owner), at(session) {}
    Leave(Leave&& other) noexcept : impl(std::exchange(other.impl, nullptr)), at(other.at) {}
    Leave& operator=(Leave&&) = delete;
    ~Leave() {
      if (!impl || impl->ended) return;
      error_code ignored;
      *at->gone = true;
      at->socket.shutdown(tcp::socket::shutdown_both, ignored);
      impl->sessions.erase(at);
      --impl->count;
      if (impl->stopping && impl->sessions.empty()) impl->finish();
    }
  };

  // No connection that fails, by the client or for want of memory, may end the taking of others.
  net::awaitable<void> accept(Alive) {
    net::steady_timer pause(io);
    bool failed = false;
    while (!stopping) {
      try {
        if (failed) {
          pause.expires_after(std::chrono::milliseconds(20));
          co_await pause.async_wait(token);
          failed = false;
        }
        auto [error, socket] = co_await acceptor.async_accept(token);
        if (stopping) break;
        failed = static_cast<bool>(error);  // no more files, or the client has gone already
        if (!failed) converse_with(std::move(socket));
      } catch (const std::bad_alloc&) {
        failed = true;
      }
    }
  }

  void converse_with(tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    sessions.push_back({std::move(socket)});
    ++count;
    Leave leave(*this, std::prev(sessions.end()));
    net::co_spawn(io, converse(std::move(leave)), net::detached);
  }

  net::awaitable<void> sweep(Alive) {
    net::steady_timer timer(io);
    for (;;) {
      try {
        timer.expires_after(sweep_every);
        co_await timer.async_wait(token);
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // others may give some back
      }
      const auto now = Clock::now();
      for (Session& s : sessions) {
        if (s.deadline <= now || end <= now) s.overdue = true, interrupt(s);
        if (s.answering && !*s.gone) *s.gone = has_ended(s);
      }
      if (stopping && (sessions.empty() || end + 4 * sweep_every <= now)) break;
    }
    finish();
  }

  // Whether the client has closed its side. What it may have sent before stays unread.
  static bool has_ended(Session& s) {
    char byte = 0;
    return ::recv(s.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  static void interrupt(Session& s) {
    error_code ignored;
    s.socket.cancel(ignored);
  }

  void begin_to_stop() {
    if (stopping) return;
    stopping = true;
    end = Clock::now() + options.grace;
    error_code ignored;
    acceptor.close(ignored);
    for (Session& s : sessions)
      if (s.waiting && s.socket.available(ignored) == 0) interrupt(s);
    if (sessions.empty()) finish();
  }

  // A session from its first byte to its last; errors of one never reach another.
  net::awaitable<void> converse(Leave leave) {
    Session* at = &*leave.at;
    try {
      if (count > options.most_connections)
        co_await refuse(*at, 503, "too many connections");
      else
        co_await exchange(*at);
    } catch (const std::exception&) {  // out of memory: the connection ends, the server does not
    }
  }

  net::awaitable<void> exchange(Session& s) {
    // Reads at most what is kept of a header, or a piece of a body.
    boost::beast::flat_buffer buffer(static_cast<size_t>(options.most_header) + 65536);
    for (bool more = true; more && !stopping;) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<uint32_t>(options.most_header));
      parser.body_limit(static_cast<uint64_t>(options.most_body));
      s.waiting = buffer.size() == 0;
      s.deadline = Clock::now() + options.idle;
      error_code error;
      std::tie(error, std::ignore) = co_await http::async_read_header(s.socket, buffer, parser, token);
      s.waiting = false;
      if (!error && ambiguous(parser)) error = http::error::bad_value;
      if (!error && !parser.is_done()) {
        s.deadline = Clock::now() + options.transfer;
        if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue"))
          co_await net::async_write(s.socket, net::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), token);
        std::tie(error, std::ignore) = co_await http::async_read(s.socket, buffer, parser, token);
      }
      if (error) {
        if (const int status = parser.got_some() && end > Clock::now() ? status_of(error, s.overdue) : 0)
          co_await refuse(s, status, "");
        co_return;
      }
      s.deadline = Clock::time_point::max();  // the handler has limits of its own
      more = parser.get().keep_alive();
      const unsigned version = parser.get().version();
      const bool head = parser.get().method() == http::verb::head;
      Request request = take(parser);
      request.gone = s.gone;
      s.answering = true;
      Response response = co_await answer(std::move(request));
      more = more && !stopping;
      if (!co_await write(s, std::move(response), version, more, head)) co_return;
      s.answering = false;
    }
  }

  // Suspends until the handler's answer comes, from whatever thread.
  net::awaitable<Response> answer(Request request) {
    return net::async_initiate<const net::use_awaitable_t<>, void(Response)>(
        [this](auto completion, Request asked) {
          auto resume = std::make_shared<decltype(completion)>(std::move(completion));
          // The answer must reach this thread: elsewhere the coroutine cannot be destroyed. So it waits for memory.
          const Respond respond = [this, resume](Response response) {
            for (std::shared_ptr<Response> kept;;) try {
                if (!kept) kept = std::make_shared<Response>(std::move(response));
                return net::post(io, [resume, kept] { std::move (*resume)(std::move(*kept)); });
              } catch (const std::bad_alloc&) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
              }
          };
          try {
            handler(std::move(asked), respond);
          } catch (const std::exception&) {
            respond({500, R"({"error":"internal error"})"});
          }
        },
        net::use_awaitable, std::move(request));
  }

  net::awaitable<bool> write(Session& s, Response response, unsigned version, bool more, bool head) {
    if ((response.follow || response.feed) && !head) co_return co_await stream(s, response, version);
    http::response<http::string_body> message(static_cast<http::status>(response.status), version);
    message.set(http::field::content_type, response.type);
    message.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.keep_alive(more);
    message.content_length(response.body.size());
    if (!head) message.body() = std::move(response.body);
    s.deadline = Clock::now() + options.transfer;
    http::response_serializer<http::string_body> serializer(message);
    error_code error;
    if (head)
      std::tie(error, std::ignore) = co_await http::async_write_header(s.socket, serializer, token);
    else
      std::tie(error, std::ignore) = co_await http::async_write(s.socket, serializer, token);
    co_return !error;
  }

  // An answer without a length, which the connection's end closes.
  net::awaitable<bool> stream(Session& s, const Response& response, unsigned version) {
    http::response<http::empty_body> message(static_cast<http::status>(response.status), version);
    message.set(http::field::content_type, response.type);
    message.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.keep_alive(false);
    s.deadline = Clock::now() + options.transfer;
    http::response_serializer<http::empty_body> serializer(message);
    error_code error;
    std::tie(error, std::ignore) = co_await http::async_write_header(s.socket, serializer, token);
    const auto pause = std::make_shared<net::steady_timer>(io);
    if (response.feed)
      response.feed->on_change([this, timer = std::weak_ptr(pause)] {
        net::post(io, [timer] {
          if (const auto waiting = timer.lock()) waiting->cancel();
        });
      });
    auto last = Clock::now();
    while (!error && (!stopping || response.feed)) {
      std::optional<std::string> piece = response.feed ? response.feed->take() : response.follow();
      if (!piece) break;
      if (piece->empty() && Clock::now() - last > quiet) *piece = ":\n\n";  // a comment
      if (!piece->empty()) {
        last = Clock::now();
        s.deadline = last + options.transfer;
        std::tie(error, std::ignore) = co_await net::async_write(s.socket, net::buffer(*piece), token);
      }
      s.deadline = Clock::time_point::max();
      if (response.feed && !piece->empty()) continue;  // more may have come meanwhile
      pause->expires_after(follow_every);
      co_await pause->async_wait(token);
    }
    if (response.feed) response.feed->on_change({});
    co_return false;
  }

  // The answer to what is no request. What the client still sends is read for a moment: a connection that is closed
  // with unread bytes is reset, and the client never sees the answer.
  net::awaitable<void> refuse(Session& s, int status, const char* why) {
    const std::string text = *why ? why : reason_of(status);
    Response response{status, fmt::format(R"({{"error":"{}"}})", text)};
    if (status == 503) response.headers.emplace_back("Retry-After", "1");
    s.overdue = false;
    if (!co_await write(s, std::move(response), 11, false, false)) co_return;
    error_code ignored;
    s.socket.shutdown(tcp::socket::shutdown_send, ignored);
    s.deadline = Clock::now() + std::chrono::seconds(1);
    char rest[4096];
    for (int64_t taken = 0; taken < options.most_body;) {
      const auto [error, got] = co_await s.socket.async_read_some(net::buffer(rest), token);
      if (error) break;
      taken += static_cast<int64_t>(got);
    }
  }

  net::awaitable<void> heed_signals(Alive) {
    for (;;) {
      const auto [error, number] = co_await signals.async_wait(token);
      if (error) co_return;
      for (const auto& [wanted, act] : actions)
        if (wanted == number) act();
    }
  }
};

HttpServer::HttpServer(HttpOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler))) {
  impl_->listen();
}

HttpServer::~HttpServer() { impl_->ended = true; }

uint16_t HttpServer::port() const { return impl_->port; }

int64_t HttpServer::connections() const { return impl_->count; }

void HttpServer::run() { impl_->work(); }

void HttpServer::stop() {
  net::post(impl_->io, [impl = impl_.get()] { impl->begin_to_stop(); });
}

void HttpServer::on_signal(int number, std::function<void()> act) {
  impl_->signals.add(number);
  impl_->actions.emplace_back(number, std::move(act));
}

}  // namespace tandem::deploy
