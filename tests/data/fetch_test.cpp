#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <tandem/base/checksum.h>
#include <tandem/data/fetch.h>
#include <tandem/data/formats/gzip.h>

#include <atomic>
#include <thread>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::Bytes;
using testing::expect_error;
using testing::TemporaryFolder;

/// Serves one body over HTTP on this machine until it is destroyed.
class Server {
 public:
  struct Manner {
    bool ranges = true;
    size_t cut = SIZE_MAX;  // ends the connection after that many bytes of the body
    int status = 200;
  };

  Server(Bytes body, Manner manner)
      : body_(std::move(body)), manner_(manner), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    setenv("no_proxy", "127.0.0.1", 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 8) != 0)
      throw std::runtime_error("no port");
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this] {
      for (int client = 0; (client = ::accept(socket_, nullptr, nullptr)) >= 0;) {
        answer(client);
        ::close(client);
      }
    });
  }
  ~Server() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] int requests() const { return requests_; }
  [[nodiscard]] int64_t sent() const { return sent_; }  // bytes of the body, over all requests

 private:
  void answer(int client) {
    ++requests_;
    std::string request;
    char piece[2048];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(client, piece, sizeof piece, 0);
      if (got <= 0) return;
      request.append(piece, static_cast<size_t>(got));
    }
    size_t from = 0;
    if (const size_t at = request.find("Range: bytes="); manner_.ranges && at != std::string::npos)
      from = std::stoul(request.substr(at + 13));
    std::string head = "HTTP/1.1 " + std::to_string(manner_.status) + " x\r\n";
    if (manner_.status == 200 && from >= body_.size()) {
      head = "HTTP/1.1 416 x\r\nContent-Range: bytes */" + std::to_string(body_.size()) + "\r\n";
      from = body_.size();
    } else if (from > 0) {
      head = "HTTP/1.1 206 x\r\nContent-Range: bytes " + std::to_string(from) + "-" + std::to_string(body_.size() - 1) +
             "/" + std::to_string(body_.size()) + "\r\n";
    }
    head += "Content-Length: " + std::to_string(body_.size() - from) + "\r\nConnection: close\r\n\r\n";
    ::send(client, head.data(), head.size(), MSG_NOSIGNAL);
    const size_t count = std::min(body_.size() - from, manner_.cut);
    const ssize_t put = ::send(client, body_.data() + from, count, MSG_NOSIGNAL);
    if (put > 0) sent_ += put;
  }

  Bytes body_;
  Manner manner_;
  int socket_;
  std::string url_;
  std::atomic<int> requests_{0};
  std::atomic<int64_t> sent_{0};
  std::thread thread_;
};

Bytes content() {
  Bytes bytes(100'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 ^ i >> 8);
  return bytes;
}

FetchSource source(const std::vector<std::string>& mirrors) {
  const Bytes bytes = content();
  return {.name = "toy",
          .folder = "toy",
          .mirrors = mirrors,
          .files = {{.name = "a.bin", .bytes = static_cast<int64_t>(bytes.size()), .md5 = md5(bytes)}}};
}

Bytes half() {
  Bytes bytes = content();
  bytes.resize(bytes.size() / 2);
  return bytes;
}

constexpr const char* nobody = "http://127.0.0.1:9/";  // the discard port: nothing listens there

TEST(Checksum, Md5OfRfc1321) {
  EXPECT_EQ(md5({}), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5(Bytes{'a', 'b', 'c'}), "900150983cd24fb0d6963f7d28e17f72");
}

TEST(Fetch, DownloadsOnceAndReportsProgress) {
  const TemporaryFolder home;
  const Server server(content(), {});
  int64_t last = 0;
  const fs::path folder =
      fetch(source({server.url()}), home.path(), [&](const std::string& file, int64_t have, int64_t total) {
        EXPECT_EQ(file, "a.bin");
        EXPECT_EQ(total, 100'000);
        last = have;
        return true;
      });
  EXPECT_EQ(folder, home.path() / "toy");
  EXPECT_EQ(read_file(folder / "a.bin"), content());
  EXPECT_FALSE(fs::exists(folder / "a.bin.part"));
  EXPECT_EQ(last, 100'000);
  fetch(source({server.url()}), home.path());
  EXPECT_EQ(server.requests(), 1);  // what is right is left alone
}

TEST(Fetch, ResumesWhereItStopped) {
  const TemporaryFolder home;
  home.write("toy/a.bin.part", half());
  const Server server(content(), {});
  fetch(source({server.url()}), home.path());
  EXPECT_EQ(read_file(home.path() / "toy/a.bin"), content());
  EXPECT_EQ(server.sent(), 50'000);
}

TEST(Fetch, AnotherMirrorGoesOnWhereOneBroke) {
  const TemporaryFolder home;
  const Server broken(content(), {.cut = 30'000});
  const Server good(content(), {});
  fetch(source({nobody, broken.url(), good.url()}), home.path());
  EXPECT_EQ(read_file(home.path() / "toy/a.bin"), content());
  EXPECT_EQ(broken.sent(), 30'000);
  EXPECT_EQ(good.sent(), 70'000);
}

TEST(Fetch, StartsAgainWhenAServerCannotResume) {
  const TemporaryFolder home;
  home.write("toy/a.bin.part", half());
  const Server server(content(), {.ranges = false});
  fetch(source({server.url()}), home.path());
  EXPECT_EQ(read_file(home.path() / "toy/a.bin"), content());
}

TEST(Fetch, StartsAgainWhenTheBeginningWasWrong) {
  for (const size_t size : {size_t{10}, size_t{100'000}, size_t{200'000}}) {
    const TemporaryFolder home;
    home.write("toy/a.bin.part", Bytes(size, 1));
    const Server server(content(), {});
    fetch(source({server.url()}), home.path());
    EXPECT_EQ(read_file(home.path() / "toy/a.bin"), content()) << size;
  }
}

TEST(Fetch, WholePartNeedsNoNetwork) {
  const TemporaryFolder home;
  home.write("toy/a.bin.part", content());
  fetch(source({nobody}), home.path());
  EXPECT_EQ(read_file(home.path() / "toy/a.bin"), content());
}

TEST(Fetch, StoppedByTheCallerKeepsWhatCame) {
  const TemporaryFolder home;
  const Server server(content(), {});
  expect_error(ErrorKind::file, {"a.bin", "stopped", "a.bin.part"}, [&] {
    fetch(source({server.url()}), home.path(), [](const std::string&, int64_t, int64_t) { return false; });
  });
  EXPECT_THROW(fetch(source({server.url()}), home.path(),
                     [](const std::string&, int64_t, int64_t) -> bool { throw std::runtime_error("mine"); }),
               std::runtime_error);
  fetch(source({server.url()}), home.path());
  EXPECT_EQ(read_file(home.path() / "toy/a.bin"), content());
}

TEST(Fetch, BadMirrors) {
  Bytes wrong = content();
  wrong[5] ^= 1;
  Bytes longer = content();
  longer.resize(longer.size() + 1);
  const Server damaged(wrong, {});
  const Server endless(longer, {});
  const Server absent(content(), {.status = 404});
  struct Case {
    std::vector<std::string> mirrors;
    std::vector<std::string> message;
  };
  const Case cases[] = {
      {{}, {"no mirror"}},
      {{nobody}, {nobody, "by hand (a.bin)", "data: builtin", "toy"}},
      {{"http://no-such-host.invalid/"}, {"no-such-host.invalid"}},
      {{damaged.url()}, {"wrong checksum", md5(content()), md5(wrong)}},
      {{endless.url()}, {"more than the 100000 bytes"}},
      {{absent.url()}, {"404"}},
      {{nobody, absent.url()}, {nobody, "404"}},
      {{"gopher://127.0.0.1/"}, {"gopher"}},
      {{"file:///nowhere/"}, {"file:///nowhere/a.bin"}},
  };
  for (const auto& c : cases) {
    const TemporaryFolder home;
    expect_error(ErrorKind::file, c.message, [&] { fetch(source(c.mirrors), home.path()); });
    EXPECT_FALSE(fs::exists(home.path() / "toy/a.bin"));
    const fs::path part = home.path() / "toy/a.bin.part";
    EXPECT_TRUE(!fs::exists(part) || fs::file_size(part) > 0) << "nothing came, nothing is left";
  }
  const TemporaryFolder home;  // a bad mirror does not spoil the next one
  const Server good(content(), {});
  fetch(source({damaged.url(), endless.url(), good.url()}), home.path());
  EXPECT_EQ(read_file(home.path() / "toy/a.bin"), content());
}

TEST(Fetch, FromAFolderAndByContent) {
  const TemporaryFolder home;
  const Bytes packed = gzip(content());
  home.write("mirror/a.gz", packed);
  FetchSource files = source({"file://" + (home.path() / "mirror").string() + "/"});
  files.files = {{.name = "a.gz", .bytes = 0, .md5 = "0", .md5_content = md5(content())}};
  fetch(files, home.path());
  EXPECT_EQ(read_file(home.path() / "toy/a.gz"), packed);
}

TEST(Fetch, Names) {
  EXPECT_EQ(fetch_source("mnist").files.size(), 4U);
  expect_error(ErrorKind::usage, {"'mnst'", "did you mean 'mnist'"}, [] { (void)fetch_source("mnst"); });
  const TemporaryFolder home;
  home.write("file", {1});
  expect_error(ErrorKind::file, {"cannot be made"}, [&] { fetch(source({nobody}), home.path() / "file"); });
}

TEST(Fetch, TheMnistAtHandIsRight) {
  const char* folder = std::getenv("TANDEM_DATA");
  if (!folder || !fs::exists(fs::path(folder) / "mnist")) GTEST_SKIP() << "needs TANDEM_DATA (mnist)";
  FetchSource mnist = fetch_source("mnist");
  mnist.mirrors.clear();  // no file needs one
  EXPECT_EQ(fetch(mnist, folder), fs::path(folder) / "mnist");
}

}  // namespace
}  // namespace tandem::data
