// A server of small networks in this process, and a client that sends exactly the bytes it is told.
#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <tandem/deploy/service.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "tests/testing.h"

namespace tandem::testing {

/// A network for 6x6 pictures of three classes; each seed answers otherwise.
inline tasks::Classifier small_model(uint64_t seed, int64_t side = 6) {
  tasks::Classifier out;
  out.net = nn::Sequential::read(
      Config::parse("[conv: {filters: 2, kernel: 3}, relu, flatten, linear: classes]", "the test's network"));
  out.input = tasks::ImageInput{side, side, 1, {0.2}, {0.05}};
  out.classes = {"zero", "one", "two"};
  out.build(Rng(seed, "serving test"));
  return out;
}

/// A network that tells two classes of texts apart.
inline tasks::Classifier small_text_model(uint64_t seed) {
  tasks::Classifier out;
  out.net = nn::Sequential::read(Config::parse(
      "[embedding: {width: 4, deviation: 1}, pool_sequence: mean, linear: classes]", "the test's network"));
  out.input = tasks::fit_input(data::Texts{"a good film", "a bad film", "good good fun", "not bad, not good"}, {});
  out.classes = {"bad", "good"};
  out.build(Rng(seed, "serving test"));
  return out;
}

/// The table that a small network of tables is fitted to: a number with missing values, a date and a word.
inline data::Table small_table(const std::string& rows =
                                   "31,2024-03-01,\"F, say\"\n?,2024-05-01,M\n45,2023-01-31,M\n"
                                   "60,,\"F, say\"\n") {
  return data::read_table(
      data::Csv::parse("age,since,sex\n" + rows, "the test's table", {.delimiter = ','}),
      {.types = {
           {"age", data::ColumnType::number}, {"since", data::ColumnType::date}, {"sex", data::ColumnType::category}}});
}

inline tasks::Classifier small_table_model(uint64_t seed, const data::Table& table = small_table()) {
  tasks::Classifier out;
  out.net = nn::Sequential::read(Config::parse("[linear: 4, tanh, linear: classes]", "the test's network"));
  out.input = tasks::fit_input(table, tasks::TableOptions{});
  out.classes = {"well", "ill"};
  out.build(Rng(seed, "serving test"));
  return out;
}

/// What `tandem predict` says of examples.
inline std::vector<float> offline(tasks::Classifier model, data::Inputs inputs, size_t count) {
  return model.predict({.inputs = std::move(inputs),
                        .labels = std::vector<int32_t>(count, 0),
                        .classes = model.classes,
                        .source = "the test"});
}

/// A picture of bytes and what the network says of it, as `tandem predict` gets it.
inline std::string small_picture(uint8_t first) {
  std::string out(36, '\0');
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(first + 7 * i);
  return out;
}
inline std::vector<float> offline(tasks::Classifier model, const std::string& picture) {
  data::Dataset set;
  set.classes = model.classes;
  set.labels = {0};
  set.inputs = Tensor::empty({1, 6, 6, 1}, DType::u8);
  std::ranges::copy(picture, set.pixels().data<uint8_t>().begin());
  return model.predict(set);
}

/// Probabilities that differ by no more than another order of sums: products of another batch size are summed
/// otherwise.
inline bool same_answer(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, [](float x, float y) { return std::abs(x - y) <= 2e-6F; });
}

struct Answered {
  int status = 0;  // 0: the connection ended without an answer
  std::string header, body;
};

/// A connection to 127.0.0.1. Reading gives up after ten seconds.
class Client {
 public:
  explicit Client(uint16_t port) : file_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{10, 0};
    ::setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::connect(file_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { ::close(file_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(file_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void shut() const { ::shutdown(file_, SHUT_WR); }

  /// The next answer; `bodiless` for one to HEAD.
  Answered receive(bool bodiless = false) {
    Answered out;
    size_t end = 0;
    while ((end = read_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return out;
    out.header = read_.substr(0, end + 2);
    out.status = std::atoi(out.header.substr(out.header.find(' ') + 1).c_str());
    const size_t at = out.header.find("\r\nContent-Length: ");
    const size_t length = bodiless || at == std::string::npos ? 0 : std::stoul(out.header.substr(at + 18));
    while (read_.size() < end + 4 + length)
      if (!more()) return {};
    out.body = read_.substr(end + 4, length);
    read_.erase(0, end + 4 + length);
    return out;
  }
  /// Whether the server has ended the connection, and nothing is left to read.
  bool ended() {
    while (more()) {
    }
    return read_.empty() && ended_;
  }

  /// All that comes until the server ends the connection.
  std::string rest() {
    while (more()) {
    }
    return std::move(read_);
  }

  Answered ask(std::string_view bytes) {
    (void)send(bytes);
    return receive();
  }

 private:
  bool more() {
    char bytes[65536];
    const ssize_t got = ::recv(file_, bytes, sizeof bytes, 0);
    ended_ = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got > 0) read_.append(bytes, static_cast<size_t>(got));
    return got > 0;
  }
  int file_;
  bool connected_ = false, ended_ = false;
  std::string read_;
};

inline std::string request(const std::string& method, const std::string& path, const std::string& body = "",
                           const std::string& headers = "") {
  return fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}", method, path, headers,
                     body.size(), body);
}

/// The body of an infer request that gets the probabilities alone, with its data as JSON.
inline std::string infer_json(const std::string& picture, const std::string& more = "") {
  std::string data;
  for (const char c : picture) data += fmt::format("{}{}", data.empty() ? "" : ",", static_cast<unsigned char>(c));
  return fmt::format(R"({{{}"inputs":[{{"name":"image","datatype":"UINT8","shape":[{},6,6,1],"data":[{}]}}],)"
                     R"("outputs":[{{"name":"probabilities"}}]}})",
                     more, picture.size() / 36, data);
}

/// The whole service on a free port of 127.0.0.1.
class Serving {
 public:
  explicit Serving(const std::vector<deploy::ModelSource>& sources, deploy::BatchOptions batch = {},
                   deploy::HttpOptions http = {}, deploy::ServiceOptions options = {},
                   deploy::Keep keep = deploy::Keep::none, const std::vector<deploy::ModelSource>& writing = {},
                   const std::vector<deploy::ModelSource>& adapters = {})
      : models(sources, batch, metrics),
        languages(writing, adapters, metrics),
        decisions(keep, sources),
        service(models, languages, decisions, metrics, std::move(options)),
        server(free_port(std::move(http)), [this](deploy::Request request, const deploy::Respond& respond) {
          service.handle(std::move(request), respond);
        }) {
    thread_ = std::thread([this] { server.run(); });
  }
  ~Serving() { stop(); }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
  void stop() {
    if (!thread_.joinable()) return;
    server.stop();
    thread_.join();
    service.stop();
  }
  Answered ask(std::string_view bytes) const { return Client(server.port()).ask(bytes); }

  deploy::Metrics metrics;
  deploy::Models models;
  deploy::Languages languages;
  deploy::Decisions decisions;
  deploy::Service service;
  deploy::HttpServer server;

 private:
  static deploy::HttpOptions free_port(deploy::HttpOptions options) {
    options.port = 0;
    return options;
  }
  std::thread thread_;
};

}  // namespace tandem::testing
