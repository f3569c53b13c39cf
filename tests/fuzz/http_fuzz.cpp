// HTTP: whatever bytes come, the server lives, answers only with a status of its own or closes, and answers the next.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <tandem/deploy/http.h>

#include <cerrno>
#include <thread>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

namespace {

int connected(uint16_t port) {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const linger at_once{1, 0};  // no port waits after its connection: there are hundreds of thousands
  ::setsockopt(file, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  if (::connect(file, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return file;
  fuzz::demand(errno == EINTR);  // libFuzzer's clock
  ::close(file);
  return connected(port);
}

std::string ask(uint16_t port, std::string_view bytes) {
  const int file = connected(port);
  std::string answer;
  ssize_t done = 0;
  while ((done = ::send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL)) < 0 && errno == EINTR) {
  }
  if (done >= 0) {
    ::shutdown(file, SHUT_WR);
    char part[4096];
    while ((done = ::recv(file, part, sizeof part, 0)) > 0 || (done < 0 && errno == EINTR))
      if (done > 0) answer.append(part, static_cast<size_t>(done));
  }
  ::close(file);
  return answer;
}

deploy::HttpServer& server() {
  static deploy::HttpServer* running = [] {
    deploy::HttpOptions options;
    options.port = 0;
    auto* out = new deploy::HttpServer(options, [](const deploy::Request& r, const deploy::Respond& respond) {
      if (r.path == "/throw") throw std::runtime_error("secret");
      respond({200, r.method + r.parameter("a") + r.body, "text/plain", {{"X-Own", r.header("x-own")}}});
    });
    std::thread([out] { out->run(); }).detach();
    return out;
  }();
  return *running;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static uint64_t count = 0;
  const uint16_t port = server().port();
  const std::string answer = ask(port, fuzz::text_of({data, size}));
  fuzz::demand(answer.empty() || answer.starts_with("HTTP/1."));
  if (++count % 64 == 0)
    fuzz::demand(ask(port, "GET /good?a=b HTTP/1.1\r\nHost: x\r\n\r\n").find("200 OK") != std::string::npos);
  return 0;
}
