#include <arpa/inet.h>
#include <bench/load.h>
#include <bench/timing.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <tandem/base/error.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace tandem::bench {
namespace {

constexpr double patience = 30;  // seconds without any answer

int connect_to(uint16_t port) {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (file < 0 || ::connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (file >= 0) ::close(file);
    fail(ErrorKind::file, "load", "no server answers at port {}: {}", port, std::strerror(errno));
  }
  const int on = 1;
  ::setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return file;
}

// The value of a header as a number; -1 when it is not there.
int64_t number_in(std::string_view header, std::string_view name) {
  for (size_t at = header.find('\n'); at != std::string_view::npos; at = header.find('\n', at)) {
    ++at;
    if (header.size() - at <= name.size() || header[at + name.size()] != ':' ||
        ::strncasecmp(header.data() + at, name.data(), name.size()) != 0)
      continue;
    at = header.find_first_not_of(' ', at + name.size() + 1);
    int64_t out = -1;
    if (at != std::string_view::npos) std::from_chars(header.data() + at, header.data() + header.size(), out);
    return out;
  }
  return -1;
}

struct Connection {
  int file = -1;
  size_t request = 0;
  double sent = 0;
  std::string answer;
};

class Generator {
 public:
  Generator(const LoadOptions& options, std::span<const std::string> requests, const Check& right)
      : options_(options), requests_(requests), right_(right), connections_(static_cast<size_t>(options.connections)) {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
  }
  ~Generator() {
    for (Connection& c : connections_)
      if (c.file >= 0) ::close(c.file);
    ::close(poll_);
  }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  Load run() {
    for (Connection& c : connections_) open(c), send(c);
    epoll_event events[64];
    double last = 0;
    while (open_ > 0) {
      const int count = ::epoll_wait(poll_, events, 64, 1000);
      for (int i = 0; i < count; ++i) receive(*static_cast<Connection*>(events[i].data.ptr));
      if (count > 0) last = clock_.seconds();
      if (clock_.seconds() - last > patience) fail("load", "no answer came for {} s", patience);
    }
    out_.seconds = clock_.seconds();
    return std::move(out_);
  }

 private:
  void open(Connection& c) {
    c.file = connect_to(options_.port);
    c.answer.clear();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, c.file, &event);
    ++open_;
  }
  void close(Connection& c) {
    ::close(c.file);
    c.file = -1;
    --open_;
  }
  [[nodiscard]] bool over() const {
    return clock_.seconds() >= options_.seconds || (options_.requests > 0 && next_ >= options_.requests);
  }

  void send(Connection& c) {
    if (over()) return close(c);
    c.request = static_cast<size_t>(next_++) % requests_.size();
    c.sent = clock_.seconds();
    const std::string& text = requests_[c.request];
    for (size_t at = 0; at < text.size();) {  // the socket waits for room: the server must read before it is asked on
      const ssize_t n = ::send(c.file, text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return lost(c);
      at += static_cast<size_t>(n);
    }
  }

  void receive(Connection& c) {
    char bytes[65536];
    const ssize_t got = ::recv(c.file, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return lost(c);
    c.answer.append(bytes, static_cast<size_t>(got));
    const size_t end = c.answer.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const std::string_view all = c.answer, header = all.substr(0, end + 2);
    const int64_t length = number_in(header, "content-length");
    if (length < 0) return lost(c);
    const size_t whole = end + 4 + static_cast<size_t>(length);
    if (all.size() < whole) return;
    out_.latencies.push_back(clock_.seconds() - c.sent);
    if (!header.starts_with("HTTP/1.1 200"))
      ++out_.refused;
    else if (++out_.answered; all.size() != whole || !right_(c.request, header, all.substr(end + 4)))
      ++out_.wrong;
    c.answer.clear();
    send(c);
  }

  void lost(Connection& c) {
    ++out_.broken;
    close(c);
    if (!over()) open(c), send(c);
  }

  const LoadOptions& options_;
  std::span<const std::string> requests_;
  const Check& right_;
  std::vector<Connection> connections_;
  int poll_ = -1, open_ = 0;
  int64_t next_ = 0;
  Clock clock_;
  Load out_;
};

}  // namespace

Load load(const LoadOptions& options, std::span<const std::string> requests, const Check& right) {
  return Generator(options, requests, right).run();
}

std::string post(const std::string& path, const std::string& headers, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Length: {}\r\n\r\n{}", path, headers, body.size(),
                     body);
}

}  // namespace tandem::bench
