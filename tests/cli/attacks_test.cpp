// `tandem serve` as a process of its own, under requests that are no requests, and under very many good ones.
#include <tandem/base/random.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cli/program.h"
#include "tests/deploy/serving.h"

namespace tandem::testing {
namespace {

using namespace std::chrono_literals;

bool torture() { return std::getenv("TANDEM_TORTURE") != nullptr; }

/// A server of one small network; the tests ask it and look at its process.
struct Served {
  Folder folder;
  std::unique_ptr<Program> program;
  uint16_t port = 0;
  const std::string path = "/v2/models/digits/infer";
  const std::vector<float> right = offline(small_model(1), small_picture(11));

  explicit Served(std::vector<std::string> flags = {}) {
    small_model(1).save(folder / "digits.safetensors");
    flags.insert(flags.begin(), {"serve", "digits.safetensors", "--port", "0"});
    program = std::make_unique<Program>(folder.path(), flags);
    for (int i = 0; i < 400 && port == 0; ++i, std::this_thread::sleep_for(25ms)) {
      const std::string out = fs::exists(folder / ".out") ? read_text(folder / ".out") : "";
      if (out.ends_with('\n')) port = static_cast<uint16_t>(std::stoul(out.substr(out.rfind(':') + 1)));
    }
    EXPECT_NE(port, 0) << read_text(program->err());
  }
  [[nodiscard]] std::string good() const { return request("POST", path, infer_json(small_picture(11))); }
  [[nodiscard]] bool is_right(const Answered& answer) const {
    if (answer.status != 200) return false;
    const auto got = nlohmann::json::parse(answer.body)["outputs"][0]["data"].get<std::vector<float>>();
    return same_answer(got, right);
  }
  void expect_alive(const std::string& after) const {
    ASSERT_TRUE(is_right(Client(port).ask(good()))) << "after " << after;
  }
  /// Bytes that the process holds.
  [[nodiscard]] double memory() const {
    std::ifstream status(fmt::format("/proc/{}/status", program->process()));
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmRSS:")) return 1024.0 * std::stod(line.substr(6));
    return 0;
  }
  /// The same process, asked to end, ends well.
  void end() {
    program->signal(SIGTERM);
    const Said said = program->wait();
    EXPECT_EQ(said.code, 0) << said.err;
  }
};

/// Good requests of every kind, which the changes below begin from.
std::vector<std::string> corpus(const Served& served) {
  const std::string picture = small_picture(11), get = " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::vector<std::string> out{
      served.good(),
      request("POST", served.path, infer_json(picture + picture, R"("id":"x","parameters":{"subject":"me"},)")),
      request("POST", served.path, picture, "Inference-Header-Content-Length: 0\r\n"),
      request("POST", "/v2/models/digits/versions/1/explain", infer_json(picture)),
      request("POST", "/v2/models/digits/feedback", R"({"decision":1,"label":"one"})"),
      request("POST", "/v2/repository/models/digits/load"),
      request("POST", "/v2/repository/index", "{}"),
      "POST " + served.path +
          " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{\"inpu\r\n5\r\n"
          "ts\":[\r\n2\r\n]}\r\n0\r\n\r\n",
  };
  for (const char* path : {"/v2", "/v2/health/ready", "/v2/models", "/v2/models/digits", "/metrics", "/openapi.json",
                           "/v2/models/digits/network", "/v2/runs", "/v2/models/digits/waiting", "/"})
    out.push_back(std::string("GET ") + path + get);
  return out;
}

std::string changed(std::string bytes, const std::vector<std::string>& others, Rng& rng) {
  static const std::vector<std::string> words{"\r\n",
                                              "\r\n\r\n",
                                              std::string(1, 0),
                                              "%00",
                                              "%2e%2e%2f",
                                              "../",
                                              "Content-Length: 99999999999\r\n",
                                              "Transfer-Encoding: chunked\r\n",
                                              "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                                              "{\"a\":",
                                              "1e999",
                                              "-1",
                                              "18446744073709551616",
                                              "NaN",
                                              "\"",
                                              "\\ud800",
                                              "\xff",
                                              "null",
                                              "Expect: 100-continue\r\n",
                                              "Connection: close\r\n",
                                              "Host: evil\r\n",
                                              "HTTP/1.0",
                                              "0\r\n\r\n"};
  const auto place = [&] { return static_cast<size_t>(rng.below(std::ssize(bytes) + 1)); };
  for (int64_t n = 1 + rng.below(4); n > 0; --n) {
    const size_t at = place();
    switch (rng.below(7)) {
      case 0:
        if (at < bytes.size()) bytes[at] ^= static_cast<char>(1 << rng.below(8));
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(rng.below(256));
        break;
      case 2: bytes.erase(at, static_cast<size_t>(rng.below(64))); break;
      case 3: bytes.insert(at, words[static_cast<size_t>(rng.below(std::ssize(words)))]); break;
      case 4: bytes.insert(at, bytes.substr(place(), static_cast<size_t>(rng.below(200)))); break;
      case 5: bytes.resize(at); break;
      default: bytes = bytes.substr(0, at) + others[static_cast<size_t>(rng.below(std::ssize(others)))]; break;
    }
  }
  return bytes;
}

TEST(Attacks, FuzzedRequestsAreRefusedAndTheNextGoodOneIsRight) {
  Served served;
  const auto good = corpus(served);
  for (const std::string& bytes : good) {
    const int status = Client(served.port).ask(bytes).status;
    EXPECT_TRUE(status == 200 || status == 400 || status == 404 || status == 409) << status << ": " << bytes;
  }
  Rng rng(3, "requests");
  const int count = torture() ? 100'000 : 3'000;
  std::map<int, int> statuses;
  for (int i = 0; i < count; ++i) {
    const std::string bytes = changed(good[static_cast<size_t>(rng.below(std::ssize(good)))], good, rng);
    Client client(served.port);
    (void)client.send(bytes);
    if (rng.below(8) != 0)
      client.shut();
    else
      continue;  // and gone, whether it was answered or not
    const std::string all = client.rest();
    for (size_t at = 0; (at = all.find("HTTP/1.1 ", at)) != std::string::npos; ++at) {
      const int status = std::atoi(all.c_str() + at + 9);
      ++statuses[status];
      ASSERT_TRUE(status == 100 || status == 200 || status == 501 || (status >= 400 && status < 500) || status == 503)
          << status << " to request " << i << ":\n"
          << bytes << "\n"
          << all;
    }
    for (const char* inside : {"/tmp/", ".cpp", "std::", "terminate", "exception", "tandem-test"})
      ASSERT_EQ(all.find(inside), std::string::npos) << inside << " in the answer to " << bytes << ":\n" << all;
    served.expect_alive(fmt::format("request {}", i));
  }
  served.expect_alive("all of them");
  for (const auto& [status, n] : statuses) fmt::print("{}: {}\n", status, n);
  served.end();
}

TEST(Attacks, MissingAndWrongTokensAreTheSame) {
  Folder folder;
  small_model(1).save(folder / "digits.safetensors");
  deploy::ServiceOptions options;
  options.access = deploy::Access::parse("predict predictpredict00\nadminister administer000000\n", "tokens");
  Serving serving({{"digits", "", folder / "digits.safetensors"}}, {}, {}, std::move(options));
  const std::string body = infer_json(small_picture(1));
  const auto asked = [&](const std::string& headers) {
    return serving.ask(request("POST", "/v2/models/digits/infer", body, headers));
  };
  ASSERT_EQ(asked("Authorization: Bearer predictpredict00\r\n").status, 200);
  const std::string refusal = asked("").body;
  for (const std::string& value : std::vector<std::string>{"",
                                                           " ",
                                                           "Bearer",
                                                           "Bearer ",
                                                           "bearer",
                                                           "Bearer predictpredict0",
                                                           "Bearer predictpredict000",
                                                           "Bearer predictpredict01",
                                                           "Bearer PREDICTPREDICT00",
                                                           "Bearer  predictpredict00x",
                                                           "Basic predictpredict00",
                                                           "Bearer predict predictpredict00",
                                                           "Bearer predictpredict00,administer000000",
                                                           "predictpredict00",
                                                           "Bearer %70",
                                                           "Bearer " + std::string(8000, 'a'),
                                                           "Bearer null",
                                                           "Bearer \"predictpredict00\"",
                                                           "Digest a=b",
                                                           "Bearer \xff\xfe",
                                                           "Bearer ' OR 1=1 --"}) {
    const auto answer = asked("Authorization: " + value + "\r\n");
    EXPECT_EQ(answer.status, 401) << value;
    EXPECT_EQ(answer.body, refusal) << value;
  }
  EXPECT_EQ(asked("Authorization: Bearer predictpredict00\r\n").status, 200);
}

TEST(Attacks, FiveHundredSlowConnectionsHoldUpNobody) {
  Served served;
  std::vector<std::unique_ptr<Client>> slow;
  const std::string good = served.good();
  for (size_t i = 0; i < 500; ++i) {
    slow.push_back(std::make_unique<Client>(served.port));
    ASSERT_TRUE(slow.back()->send(good.substr(0, 1 + i * good.size() / 501)));
  }
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) served.expect_alive("500 slow ones");
  EXPECT_LT(std::chrono::steady_clock::now() - started, 10s);
  for (size_t i = 0; i < 500; i += 2) slow[i].reset();
  served.expect_alive("half of them are gone");
  for (size_t i = 1; i < 500; i += 50) {  // and each slow one is answered, right, when it ends its request
    ASSERT_TRUE(slow[i]->send(good.substr(1 + i * good.size() / 501)));
    EXPECT_TRUE(served.is_right(slow[i]->receive())) << i;
  }
  slow.clear();  // the end waits for what is under way
  served.end();
}

// Four connections that ask without end. With TANDEM_TORTURE 600,000 requests, and for two minutes; memory is compared
// with that after the first minute.
TEST(Soak, NoErrorNoWrongAnswerNoMemoryTaken) {
  Served served;
  const int64_t count = torture() ? 600'000 : 4'000;
  const auto started = std::chrono::steady_clock::now(), least = started + (torture() ? 120s : 0s);
  std::atomic<int64_t> asked = 0, wrong = 0;
  const auto goes_on = [&] { return asked < count || std::chrono::steady_clock::now() < least; };
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c)
    clients.emplace_back([&] {
      auto client = std::make_unique<Client>(served.port);
      const std::string good = served.good();
      while (goes_on()) {
        if (!served.is_right(client->ask(good))) ++wrong;
        if (++asked % 1000 == 0) client = std::make_unique<Client>(served.port);
      }
    });
  double after_a_minute = 0;
  while (goes_on()) {
    std::this_thread::sleep_for(100ms);
    if (after_a_minute == 0 && std::chrono::steady_clock::now() - started > 60s) after_a_minute = served.memory();
  }
  for (auto& client : clients) client.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  EXPECT_EQ(wrong, 0);
  fmt::print("{} requests in {:.0f} s, {} wrong, {:.2f} MB at the end\n", asked.load(), seconds, wrong.load(),
             served.memory() / 1e6);
  if (torture()) {
    fmt::print("memory after a minute {:.2f} MB: {:+.2f} %\n", after_a_minute / 1e6,
               100 * (served.memory() / after_a_minute - 1));
    EXPECT_LT(served.memory(), 1.01 * after_a_minute);
  }
  served.end();
}

}  // namespace
}  // namespace tandem::testing
