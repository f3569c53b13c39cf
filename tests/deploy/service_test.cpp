// The service as clients meet it: every path, roles, attacks, and models that change while they are asked.
#include <tandem/data/formats/image.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/deploy/serving.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

struct Service : ::testing::Test {
  Folder folder;
  fs::path file;
  std::unique_ptr<Serving> serving;
  void SetUp() override {
    file = folder / "digits.safetensors";
    small_model(1).save(file);
    small_model(2).save(folder / "other.safetensors");
  }
  void start(deploy::BatchOptions batch = {}, deploy::HttpOptions http = {}, deploy::ServiceOptions options = {}) {
    serving = std::make_unique<Serving>(
        std::vector<deploy::ModelSource>{{"digits", "", file}, {"digits", "2", folder / "other.safetensors"}}, batch, http,
        std::move(options));
  }
  [[nodiscard]] Answered get(const std::string& path, const std::string& headers = "") const {
    return serving->ask(request("GET", path, "", headers));
  }
  [[nodiscard]] Answered post(const std::string& path, const std::string& body, const std::string& headers = "") const {
    return serving->ask(request("POST", path, body, headers));
  }
  static std::vector<float> probabilities(const Answered& answer) {
    return json::parse(answer.body)["outputs"][0]["data"].get<std::vector<float>>();
  }
  // A good request, right: the server lives.
  void expect_alive(const std::string& after) const {
    const auto answer = post("/v2/models/digits/infer", infer_json(small_picture(11)));
    ASSERT_EQ(answer.status, 200) << "after " << after;
    EXPECT_EQ(probabilities(answer), offline(small_model(1), small_picture(11))) << "after " << after;
  }
};

TEST_F(Service, SaysWhatItIs) {
  start();
  EXPECT_EQ(json::parse(get("/v2").body)["name"], "tandem");
  EXPECT_EQ(json::parse(get("/v2").body)["extensions"][0], "binary_tensor_data");
  EXPECT_EQ(get("/v2/health/live").status, 200);
  EXPECT_EQ(get("/v2/health/ready").status, 200);
  EXPECT_EQ(json::parse(get("/v2/models/digits").body)["versions"], (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(get("/v2/models/digits/ready").status, 200);
  EXPECT_EQ(get("/v2/models/digits/versions/2/ready").status, 200);
  EXPECT_EQ(json::parse(get("/v2/models/digits/versions/2").body)["parameters"]["digest"].get<std::string>().size(), 16u);
  EXPECT_EQ(json::parse(post("/v2/repository/index", "").body).size(), 2u);
  EXPECT_EQ(json::parse(get("/openapi.json").body)["openapi"], "3.0.3");
  EXPECT_NE(get("/").body.find("/openapi.json"), std::string::npos);
  for (const char* path : {"/v2/models/x", "/v2/models/digits/versions/3", "/v2/models/x/ready", "/nothing"})
    EXPECT_EQ(get(path).status, 404) << path;
  const auto wrong = get("/v2/models/digits/infer");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_NE(wrong.header.find("Allow: POST\r\n"), std::string::npos);
}

TEST_F(Service, AnswersAsThePredictVerbDoes) {
  start();
  for (uint8_t first = 0; first < 20; ++first) {
    const std::string picture = small_picture(first);
    const auto a = post("/v2/models/digits/infer", infer_json(picture));
    ASSERT_EQ(a.status, 200) << a.body;
    EXPECT_EQ(probabilities(a), offline(small_model(1), picture));
    EXPECT_EQ(probabilities(post("/v2/models/digits/versions/2/infer", infer_json(picture))),
              offline(small_model(2), picture));
    const auto binary = post("/v2/models/digits/infer", picture, "Inference-Header-Content-Length: 0\r\n");
    ASSERT_EQ(binary.status, 200) << binary.body;
    std::vector<float> values(3);
    const size_t at = binary.header.find("Inference-Header-Content-Length: ");
    ASSERT_NE(at, std::string::npos);
    std::memcpy(values.data(), binary.body.data() + std::stoul(binary.header.substr(at + 33)), 12);
    EXPECT_EQ(values, offline(small_model(1), picture));
  }
}

TEST_F(Service, ReadsPicturesAndExplainsThem) {
  start();
  Tensor image = Tensor::empty({6, 6, 1}, DType::u8);
  std::ranges::copy(small_picture(5), image.data<uint8_t>().begin());
  const auto bytes = data::encode_png(image);
  const std::string png(bytes.begin(), bytes.end()), type = "Content-Type: image/png\r\n";
  const auto answer = post("/v2/models/digits/infer", png, type);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(probabilities(answer), offline(small_model(1), small_picture(5)));
  const auto broken = post("/v2/models/digits/infer", png.substr(0, 30), type);
  EXPECT_EQ(broken.status, 400);

  const auto why = post("/v2/models/digits/explain?method=occlusion&class=2", png, type);
  ASSERT_EQ(why.status, 200) << why.body;
  const json j = json::parse(why.body);
  EXPECT_EQ(j["label"], "two");
  EXPECT_EQ(j["method"], "occlusion");
  EXPECT_EQ(j["map"]["shape"], (std::vector<int>{6, 6}));
  EXPECT_EQ(j["map"]["data"].size(), 36u);
  EXPECT_TRUE(j["overlay_png"].get<std::string>().starts_with("iVBOR"));
  EXPECT_EQ(json::parse(post("/v2/models/digits/explain", infer_json(small_picture(5))).body)["method"],
            "integrated_gradients");
  EXPECT_EQ(post("/v2/models/digits/explain?method=guess", png, type).status, 400);
  for (const char* bad : {"3", "-1", "x", "1x"})
    EXPECT_EQ(post(std::string("/v2/models/digits/explain?class=") + bad, png, type).status, 400) << bad;
  EXPECT_EQ(post("/v2/models/digits/explain", infer_json(small_picture(1) + small_picture(2))).status, 400);
}

TEST_F(Service, AFullQueueIsAnsweredWith429) {
  deploy::BatchOptions batch;
  batch.queue = 1;
  batch.delay = std::chrono::milliseconds(300);
  start(batch);
  Client first(serving->server.port());
  ASSERT_TRUE(first.send(request("POST", "/v2/models/digits/infer", infer_json(small_picture(1)))));
  while (serving->models.waiting() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto refused = post("/v2/models/digits/infer", infer_json(small_picture(2)));
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.header.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(first.receive().status, 200);
}

TEST_F(Service, LateRequestsAreAnsweredWith503) {
  deploy::BatchOptions batch;
  batch.delay = std::chrono::milliseconds(100);
  batch.patience = std::chrono::milliseconds(10);
  start(batch);
  const auto late = post("/v2/models/digits/infer", infer_json(small_picture(1)));
  EXPECT_EQ(late.status, 503);
  EXPECT_NE(late.header.find("Retry-After"), std::string::npos);
}

TEST_F(Service, RolesDecideWhoMayDoWhat) {
  deploy::ServiceOptions options;
  options.local = false;
  options.access = deploy::Access::parse(
      "predict predictpredict00\ncorrect correctcorrect00\nadminister administer000000\n", "tokens");
  start({}, {}, options);
  const auto bearer = [](const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; };
  EXPECT_EQ(get("/v2/health/live").status, 200);
  EXPECT_EQ(get("/v2/health/ready").status, 200);
  for (const char* path : {"/v2", "/metrics", "/openapi.json", "/v2/models/digits", "/nothing"})
    EXPECT_EQ(get(path).status, 401) << path;
  EXPECT_NE(get("/v2").header.find("WWW-Authenticate: Bearer"), std::string::npos);
  EXPECT_EQ(get("/v2", bearer("predictpredict01")).status, 401);
  EXPECT_EQ(get("/v2", bearer("predictpredict00")).status, 200);
  const std::string infer = "/v2/models/digits/infer", load = "/v2/repository/models/digits/load";
  EXPECT_EQ(post(infer, infer_json(small_picture(1))).status, 401);
  for (const char* token : {"predictpredict00", "correctcorrect00", "administer000000"})
    EXPECT_EQ(post(infer, infer_json(small_picture(1)), bearer(token)).status, 200) << token;
  EXPECT_EQ(post("/v2/models/digits/feedback", "{}", bearer("predictpredict00")).status, 403);
  EXPECT_EQ(post("/v2/models/digits/feedback", "{}", bearer("correctcorrect00")).status, 404) << "nothing is kept here";
  EXPECT_EQ(post(load, "").status, 401);
  EXPECT_EQ(post(load, "", bearer("predictpredict00")).status, 403);
  EXPECT_EQ(post(load, "", bearer("correctcorrect00")).status, 403);
  EXPECT_EQ(post(load, "", bearer("administer000000")).status, 200);
}

TEST_F(Service, PagesOfOtherSitesAreRefused) {
  start();
  EXPECT_EQ(get("/v2", "Origin: https://evil.example\r\n").status, 403);
  EXPECT_EQ(get("/v2", "Origin: http://localhost\r\n").status, 200);
  EXPECT_EQ(serving->ask("GET /v2 HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 403);
  const auto preflight = serving->ask(request("OPTIONS", "/v2/models/digits/infer", "", "Origin: http://localhost\r\n"));
  EXPECT_EQ(preflight.status, 405);
  EXPECT_EQ(preflight.header.find("Access-Control"), std::string::npos);
}

TEST_F(Service, CountsForPrometheus) {
  start();
  expect_alive("the start");
  EXPECT_EQ(post("/v2/models/digits/infer", "{").status, 400);
  const auto metrics = get("/metrics");
  EXPECT_NE(metrics.header.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  for (const char* line : {"tandem_requests_total{route=\"infer\",status=\"200\"} 1\n",
                           "tandem_requests_total{route=\"infer\",status=\"400\"} 1\n",
                           "tandem_examples_total{model=\"digits\",version=\"1\"} 1\n",
                           "tandem_batch_size_bucket{model=\"digits\",version=\"1\",le=\"+Inf\"} 1\n",
                           "tandem_request_seconds_count{route=\"infer\"} 2\n", "tandem_waiting_examples 0\n",
                           "# TYPE tandem_request_seconds histogram\n", "process_resident_memory_bytes "})
    EXPECT_NE(metrics.body.find(line), std::string::npos) << line << "not in:\n" << metrics.body;
}

// What attackers send. Each gets a 4xx (or 501) or a closed connection, and the next good request is answered right.
TEST_F(Service, StandsAttacks) {
  deploy::HttpOptions http;
  http.most_body = 1 << 20;
  http.idle = http.transfer = std::chrono::milliseconds(400);
  start({}, http);
  const std::string path = "/v2/models/digits/infer", post_line = "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n";
  const std::string chunked = post_line + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string deep = std::string(60'000, '['), good = infer_json(small_picture(1));
  const auto sized = [&](const std::string& length, const std::string& body = "") {
    return post_line + "Content-Length: " + length + "\r\n\r\n" + body;
  };
  const auto get_line = [](const std::string& target, const std::string& version = "HTTP/1.1") {
    return "GET " + target + " " + version + "\r\nHost: localhost\r\n\r\n";
  };
  std::string tiny_chunks = chunked;
  for (int i = 0; i < 20'000; ++i) tiny_chunks += "6\r\n[[[[[[\r\n";
  tiny_chunks += "0\r\n\r\n";
  std::string many_headers = "GET /v2 HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 5000; ++i) many_headers += fmt::format("A{}: b\r\n", i);
  std::vector<std::pair<std::string, std::string>> attacks{
      {"nothing", ""},
      {"a line feed", "\n"},
      {"zeros", std::string(1000, '\0')},
      {"noise", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
      {"no version", "GET /v2\r\n\r\n"},
      {"version 0.9", get_line("/v2", "HTTP/0.9")},
      {"version 2", get_line("/v2", "HTTP/2.0")},
      {"preface of version 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"version of letters", get_line("/v2", "HTTP/x.y")},
      {"half a header", "GET /v2 HTTP/1.1\r\nHost: loc"},
      {"no host", "GET /v2 HTTP/1.1\r\n\r\n"},
      {"two hosts", "GET /v2 HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"},
      {"method of blanks", "   /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"unknown method", "BREW /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"TRACE", "TRACE /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"CONNECT", "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"proxy", get_line("http://example.com/")},
      {"long method", std::string(20'000, 'A') + " /v2 HTTP/1.1\r\n\r\n"},
      {"long path", get_line("/" + std::string(50'000, 'a'))},
      {"many headers", many_headers + "\r\n"},
      {"long header", "GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n"},
      {"header without a colon", "GET /v2 HTTP/1.1\r\nHost: localhost\r\nA b\r\n\r\n"},
      {"header with a zero", std::string("GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n", 45)},
      {"header name with a blank", "GET /v2 HTTP/1.1\r\nHost : localhost\r\n\r\n"},
      {"path with a zero", std::string("GET /v2\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 38)},
      {"path up", get_line("/../../etc/passwd")},
      {"path up, encoded", get_line("/v2/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd")},
      {"path up as a model", get_line("/v2/models/../../../etc/passwd/ready")},
      {"model with a zero", get_line("/v2/models/digits%00/ready")},
      {"model with a slash", get_line("/v2/models/%2fetc%2fpasswd")},
      {"version up", get_line("/v2/models/digits/versions/..%2f..")},
      {"version of SQL", get_line("/v2/models/digits/versions/1'%20OR%20'1'='1")},
      {"format string", get_line("/v2/models/%25s%25n%25x")},
      {"braces", get_line("/v2/models/{}{0}{model}")},
      {"percent at the end", get_line("/v2/models/digits%")},
      {"overlong UTF-8", get_line("/v2/models/%c0%ae%c0%ae")},
      {"10 GB", sized("10737418240", "x")},
      {"2^64", sized("18446744073709551616")},
      {"2^64 - 1", sized("18446744073709551615")},
      {"negative length", sized("-1", "x")},
      {"length of letters", sized("ten", "x")},
      {"length in hex", sized("0x10", "x")},
      {"empty length", sized("", "x")},
      {"two lengths", post_line + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"},
      {"length and chunks", post_line + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"unknown coding", post_line + "Transfer-Encoding: gzip\r\n\r\nxx"},
      {"two codings", post_line + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
      {"chunked twice", post_line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"identity", post_line + "Transfer-Encoding: identity\r\n\r\n{}"},
      {"no length", post_line + "\r\n"},
      {"early close", sized("100", "abc")},
      {"one byte short", sized(std::to_string(good.size() + 1), good)},
      {"chunk of letters", chunked + "zz\r\nabc\r\n0\r\n\r\n"},
      {"negative chunk", chunked + "-1\r\nabc\r\n0\r\n\r\n"},
      {"huge chunk", chunked + "FFFFFFFFFFFFFFFF\r\nabc"},
      {"chunk beyond 64 bits", chunked + "FFFFFFFFFFFFFFFFFF\r\nabc"},
      {"large chunk", chunked + "7FFFFFFF\r\nabc"},
      {"chunk too short", chunked + "2\r\nabc\r\n0\r\n\r\n"},
      {"chunk without end", chunked + "3\r\nabc"},
      {"long chunk extension", chunked + "3;" + std::string(200'000, 'x') + "\r\nabc\r\n0\r\n\r\n"},
      {"long trailer", chunked + "2\r\n{}\r\n0\r\nA: " + std::string(200'000, 'x') + "\r\n\r\n"},
      {"chunks of 6 bytes", tiny_chunks},
      {"too many chunks", chunked + [] {
         std::string all;
         for (int i = 0; i < 200'000; ++i) all += "6\r\n      \r\n";
         return all;
       }()},
      {"deep lists", request("POST", path, deep)},
      {"deep objects", request("POST", path, [] {
         std::string all;
         for (int i = 0; i < 60'000; ++i) all += R"({"a":)";
         return all;
       }())},
      {"deep data", request("POST", path, R"({"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6,6,1],"data":)" + deep)},
      {"long string", request("POST", path, R"({"id":")" + std::string(900'000, 'x') + R"(","inputs":[]})")},
      {"long number", request("POST", path, R"({"inputs":[)" + std::string(900'000, '9') + "]}")},
      {"long fraction", request("POST", path, R"({"inputs":[0.)" + std::string(900'000, '9') + "]}")},
      {"large exponent", request("POST", path, R"({"inputs":[1e99999999999]})")},
      {"many inputs", request("POST", path, R"({"inputs":[)" + [] {
         std::string all;
         for (int i = 0; i < 100'000; ++i) all += "{},";
         return all;
       }() + "{}]}")},
      {"bad escape", request("POST", path, R"({"id":"\uD800","inputs":[]})")},
      {"bad UTF-8", request("POST", path, "{\"id\":\"\xc3\x28\"}")},
      {"zero in JSON", request("POST", path, std::string("{\"a\0\":1}", 8))},
      {"a byte order mark", request("POST", path, "\xef\xbb\xbf{}")},
      {"XML", request("POST", path, "<?xml version=\"1.0\"?><!DOCTYPE a SYSTEM \"file:///etc/passwd\">")},
      {"a form", request("POST", path, "a=b&c=d", "Content-Type: application/x-www-form-urlencoded\r\n")},
      {"a picture that is none", request("POST", path, "xxxx", "Content-Type: image/png\r\n")},
      {"a picture of zeros", request("POST", path, std::string(100'000, '\0'), "Content-Type: image/jpeg\r\n")},
      {"a huge picture",
       request("POST", path,
               std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\0\0\0\0\xd8\x8d\x2c\x6e", 33),
               "Content-Type: image/png\r\n")},
      {"header length beyond the body", request("POST", path, good, "Inference-Header-Content-Length: 999999\r\n")},
      {"negative header length", request("POST", path, good, "Inference-Header-Content-Length: -1\r\n")},
      {"header length of letters", request("POST", path, good, "Inference-Header-Content-Length: x\r\n")},
      {"header length in the middle", request("POST", path, good, "Inference-Header-Content-Length: 20\r\n")},
      {"unexpected expectation", post_line + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx"},
      {"upgrade", post_line + "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx"},
      {"long token", request("POST", path, "x", "Authorization: Bearer " + std::string(10'000, 'x') + "\r\n")},
      {"empty token", request("POST", path, "x", "Authorization: \r\n")},
      {"unknown model to load", request("POST", "/v2/repository/models/..%2f..%2fetc/load")},
      {"smuggled request", post_line + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + get_line("/metrics")},
      {"folded header", "GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\nHost: x\r\n\r\n"},
      {"bare line feeds", "GET /v2 HTTP/1.1\nHost: localhost\n\n"},
  };
  // Names of models that are no names, and values that are no pixels.
  for (const char* name : {"%0d%0aSet-Cookie:a", "a%20b", "%ff%fe", "digits/../digits", "digits;a", "DIGITS", "digits%2f"})
    attacks.emplace_back(std::string("model ") + name, get_line(std::string("/v2/models/") + name + "/ready"));
  for (const char* value : {"-1", "256", "1e308", "-1e308", "1e-400x", "NaN", "Infinity", "-Infinity", "0x1", "01", "1.", ".5",
                            "+1", "true", "null", "\"1\"", "{}", "99999999999999999999", "1e", "- 1"}) {
    std::string body = good;
    attacks.emplace_back(std::string("value ") + value,
                         request("POST", path, body.replace(body.find("[1,8"), 4, fmt::format("[1,{}", value))));
  }
  for (const char* shape : {"[]", "[1]", "[1,6,6]", "[6,6,1,1]", "[1,6,6,1,1]", "[-1,6,6,1]", "[1,-6,-6,1]", "[0,0,0,0]",
                            "[2147483648,6,6,1]", "[1,65536,65536,1]", "[1,6,6,4294967297]", "\"1,6,6,1\"", "{}", "null"}) {
    std::string body = good;
    attacks.emplace_back(std::string("shape ") + shape,
                         request("POST", path, body.replace(body.find("[1,6,6,1]"), 9, shape)));
  }
  EXPECT_GE(attacks.size(), 100u);
  std::set<std::string> names;
  for (const auto& [name, bytes] : attacks) {
    EXPECT_TRUE(names.insert(name).second) << name;
    Client client(serving->server.port());
    (void)client.send(bytes);
    if (name != "half a header" && name != "chunk without end") client.shut();  // these wait until the server's time is up
    const Answered got = client.receive();
    EXPECT_TRUE(got.status == 0 || (got.status >= 400 && got.status < 500)) << name << ": " << got.status << " " << got.body;
    for (const char* inside : {"/tmp", ".cpp", "std::", "terminate", "exception", "tandem-test", "passwd"})
      EXPECT_EQ(got.body.find(inside), std::string::npos) << name << ": " << got.body;
    expect_alive(name);
  }
}

TEST_F(Service, ModelsChangeUnderLoadWithoutALostOrMixedAnswer) {
  deploy::BatchOptions batch;
  batch.most = 16;
  start(batch);
  const fs::path other = folder / "other.safetensors", mine = folder / "mine.safetensors";
  fs::copy(file, mine);
  constexpr int pictures = 4;
  std::vector<std::string> asked;
  std::map<std::string, std::vector<std::vector<float>>> right;  // by digest
  for (int i = 0; i < pictures; ++i) asked.push_back(small_picture(static_cast<uint8_t>(60 * i)));
  for (const auto& [seed, path] : {std::pair<uint64_t, fs::path>{1, mine}, {2, other}})
    for (const auto& picture : asked)
      right[deploy::ServedModel::load(path, "x", "")->digest()].push_back(offline(small_model(seed), picture));

  std::atomic<bool> more = true;
  std::atomic<int64_t> answered = 0, failed = 0, mixed = 0;
  std::map<std::string, int64_t> by_digest;
  std::mutex mutex;
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c)
    clients.emplace_back([&, c] {
      Client client(serving->server.port());
      std::map<std::string, int64_t> seen;
      for (int i = c; more; ++i) {
        const auto answer = client.ask(request("POST", "/v2/models/digits/infer", infer_json(asked[static_cast<size_t>(i % pictures)])));
        if (answer.status != 200) {
          ++failed;
          continue;
        }
        const std::string digest = json::parse(answer.body)["parameters"]["digest"];
        const auto known = right.find(digest);
        if (known == right.end() || probabilities(answer) != known->second[static_cast<size_t>(i % pictures)]) ++mixed;
        ++answered, ++seen[digest];
      }
      const std::scoped_lock lock(mutex);
      for (const auto& [digest, count] : seen) by_digest[digest] += count;
    });
  for (int swap = 0; swap < 100; ++swap) {
    write_file(file, read_file(swap % 2 == 0 ? other : mine));
    const auto done = post("/v2/repository/models/digits/load", "");
    EXPECT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(json::parse(done.body)["reloaded"], 1);
  }
  more = false;
  for (auto& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(mixed, 0);
  EXPECT_GT(answered, 100);
  EXPECT_EQ(by_digest.size(), 2u) << "both answered";
}

TEST_F(Service, KeepsDecisionsAndWhatPeopleSayOfThem) {
  folder.write("run/recipe.yaml", "name: run\n");
  small_model(1).save(folder / "run/model.safetensors");
  const auto serve = [&](deploy::Keep keep) {
    serving.reset();
    serving = std::make_unique<Serving>(std::vector<deploy::ModelSource>{{"digits", "", folder / "run"}},
                                        deploy::BatchOptions{}, deploy::HttpOptions{}, deploy::ServiceOptions{}, keep);
  };
  serve(deploy::Keep::all);
  const std::string path = "/v2/models/digits";
  const auto answer = post(path + "/infer", infer_json(small_picture(7), R"("parameters":{"subject":"ada"},)"));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto ids = json::parse(answer.body)["parameters"]["decisions"].get<std::vector<int64_t>>();
  ASSERT_EQ(ids.size(), 1u);
  const json kept = json::parse(get(fmt::format("{}/decisions/{}", path, ids[0])).body);
  EXPECT_EQ(kept["decision"], ids[0]);
  EXPECT_EQ(kept["probabilities"].size(), 3u);
  EXPECT_TRUE(kept["input"].get<std::string>().starts_with("iVBOR"));
  EXPECT_EQ(get(path + "/waiting").body, "[]") << "a network without confidence defers nothing";

  const auto feedback = [&](const json& said) { return post(path + "/feedback", said.dump()); };
  const json good{{"decision", ids[0]}, {"label", "two"}, {"person", "grace"}};
  EXPECT_EQ(feedback(good).status, 200);
  const auto with = [&](const char* key, const json& value) {
    json other = good;
    other[key] = value;
    return other;
  };
  EXPECT_EQ(feedback(with("decision", 999)).status, 404);
  for (const json& bad : {with("label", "nine"), with("label", 7), with("person", ""), with("decision", "1"), json::array(),
                          json{{"decision", ids[0]}}})
    EXPECT_EQ(feedback(bad).status, 400) << bad;
  EXPECT_EQ(post(path + "/feedback", std::string(50'000, '[')).status, 400);
  EXPECT_EQ(get(path + "/decisions/999").status, 404);
  EXPECT_EQ(get(path + "/decisions/x").status, 404);

  serving.reset();
  people::Store store(folder / "run/people.sqlite");
  ASSERT_EQ(store.corrections().size(), 1u) << "it is on the disk";
  EXPECT_EQ(store.corrections()[0].label, "two");
  EXPECT_EQ(store.decision(ids[0]).subject, "ada");

  serve(deploy::Keep::none);
  EXPECT_EQ(post(path + "/infer", infer_json(small_picture(7))).body.find("decisions"), std::string::npos);
  EXPECT_EQ(get(path + "/waiting").status, 404);
  serve(deploy::Keep::deferred);
  EXPECT_EQ(json::parse(post(path + "/infer", infer_json(small_picture(7))).body)["parameters"]["decisions"][0], 0);
  EXPECT_EQ(store.decisions(), 1);
  expect_error(ErrorKind::usage, {"is no run folder"}, [&] { deploy::Decisions(deploy::Keep::all, {{"digits", "", file}}); });
}

TEST_F(Service, AModelFileThatIsBadChangesNothing) {
  std::mutex mutex;
  std::string said;
  deploy::ServiceOptions options;
  options.say = [&](const std::string& text) {
    const std::scoped_lock lock(mutex);
    said += text + "\n";
  };
  start({}, {}, options);
  folder.write("digits.safetensors", "damaged");
  const auto refused = post("/v2/repository/models/digits/load", "");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.body.find(folder.path().string()), std::string::npos) << "paths stay inside";
  expect_alive("a damaged file");
  const std::scoped_lock lock(mutex);
  EXPECT_NE(said.find("digits.safetensors"), std::string::npos) << "but the one who runs it learns the cause";
}

TEST_F(Service, IsNotReadyWhileItEnds) {
  start();
  serving->service.drain();
  EXPECT_EQ(get("/v2/health/ready").status, 503);
  EXPECT_EQ(get("/v2/health/live").status, 200);
  expect_alive("drain");
}

}  // namespace
}  // namespace tandem::testing
