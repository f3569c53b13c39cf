// The bodies of the protocol, without a network between.
#include <tandem/data/formats/image.h>
#include <tandem/deploy/plain.h>
#include <tandem/deploy/protocol.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/deploy/serving.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

struct Protocol : ::testing::Test {
  Folder folder;
  std::shared_ptr<const deploy::ServedModel> model;
  void SetUp() override {
    small_model(1).save(folder / "a.safetensors");
    model = deploy::ServedModel::load(folder / "a.safetensors", "a", "");
  }
  deploy::InferRequest read(std::string_view body, std::optional<int64_t> json_bytes = {}) const {
    return deploy::read_infer(*model, body, json_bytes, 8);
  }
  static const deploy::Pixels& pixels(const deploy::InferRequest& request) {
    return std::get<deploy::Pixels>(request.examples.values);
  }
  // The status and message that a body is refused with.
  std::string refused(std::string_view body, std::optional<int64_t> json_bytes = {}) const {
    try {
      (void)read(body, json_bytes);
    } catch (const deploy::Refused& e) {
      return fmt::format("{} {}", e.status(), e.what());
    }
    return "taken";
  }
};

std::string with(const std::string& from, const std::string& to, std::string body) {
  return body.replace(body.find(from), from.size(), to);
}

TEST_F(Protocol, ReadsJson) {
  const auto r = read(infer_json(small_picture(0) + small_picture(9), R"("id":"k\u00e4","future":[{}],)"));
  EXPECT_EQ(r.id, "kä");
  EXPECT_EQ(r.examples.count, 2);
  ASSERT_EQ(pixels(r).size(), 72u);
  EXPECT_EQ(pixels(r)[1], 7);
  EXPECT_EQ(pixels(r)[36], 9);
  ASSERT_EQ(r.outputs.size(), 1u);
  EXPECT_FALSE(r.outputs[0].binary);
}

TEST_F(Protocol, ReadsNestedDataAndFloats) {
  std::string rows;
  for (int y = 0; y < 6; ++y) rows += std::string(y ? "," : "") + "[[0],[1.5],[2],[3],[4],[255]]";
  const auto r = read(R"({"inputs":[{"name":"image","datatype":"FP32","shape":[1,6,6,1],"data":[[)" + rows + "]]}]}");
  EXPECT_EQ(pixels(r)[1], 1.5F);
  EXPECT_EQ(pixels(r)[35], 255);
  EXPECT_EQ(r.outputs.size(), 2u) << "all outputs when none is named";
}

TEST_F(Protocol, ReadsBinaryTensors) {
  const std::string head =
      R"({"parameters":{"binary_data_output":true},"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6,6,1],)"
      R"("parameters":{"binary_data_size":36}}]})";
  const auto r = read(head + small_picture(200), static_cast<int64_t>(head.size()));
  EXPECT_EQ(pixels(r)[0], 200);
  EXPECT_EQ(pixels(r)[35], (200 + 7 * 35) % 256);
  EXPECT_TRUE(r.outputs[0].binary);

  std::vector<float> values(36, 3.25F);
  const std::string floats = with("UINT8", "FP32", with("36", "144", head));
  const std::string bytes(reinterpret_cast<const char*>(values.data()), 144);
  EXPECT_EQ(pixels(read(floats + bytes, static_cast<int64_t>(floats.size()))), values);

  const auto raw = read(small_picture(1) + small_picture(2), 0);
  EXPECT_EQ(raw.examples.count, 2);
  EXPECT_TRUE(raw.outputs[0].binary);
}

TEST_F(Protocol, RefusesWhatDoesNotFit) {
  const std::string good = infer_json(small_picture(0));
  const std::string deep = std::string(60'000, '[') + std::string(60'000, ']');
  const std::vector<std::pair<std::string, std::string>> rows{
      {"", "no valid JSON"},
      {"{", "no valid JSON"},
      {good + "x", "no valid JSON"},
      {"\xff\xfe", "no valid JSON"},
      {"[]", "the body must be an object"},
      {"{}", "has no 'inputs'"},
      {deep, "nested deeper than 32"},
      {R"({"inputs":)" + deep + "}", "nested deeper than 32"},
      {R"({"inputs":[]})", "0 inputs"},
      {R"({"inputs":7})", "must be a list"},
      {R"({"inputs":[7]})", "must be an object"},
      {with(R"("name":"image")", R"("name":"x")", good), "no input 'x'"},
      {with(R"("name":"image")", R"("name":7)", good), "must be a string"},
      {with("UINT8", "FP64", good), "expected UINT8 or FP32"},
      {with("[1,6,6,1]", "[1,6,6]", good), "expected [n, 6, 6, 1]"},
      {with("[1,6,6,1]", "[1,6,6,1,1]", good), "must be [n, 6, 6, 1]"},
      {with("[1,6,6,1]", "[-1,6,6,1]", good), "expected [n, 6, 6, 1]"},
      {with("[1,6,6,1]", "[0,6,6,1]", good), "expected [n, 6, 6, 1]"},
      {with("[1,6,6,1]", "[2,6,6,1]", good), "has 36 values, its shape asks for 72"},
      {with("[1,6,6,1]", "[9,6,6,1]", good), "413 9 examples in a request, at most 8"},
      {with("[1,6,6,1]", "[9223372036854775807,6,6,1]", good), "413"},
      {with("[1,6,6,1]", "[1e0,6,6,1]", good), "must be [n, 6, 6, 1]"},
      {with("[0,7", "[0,7,7", good), "more than the 36 values"},
      {with("[0,7", "[0,-7", good), "the value -7"},
      {with("[0,7", "[0,256", good), "the value 256"},
      {with("[0,7", "[0,7.5", good), "a whole number"},
      {with("[0,7", "[0,1e999", good), "no valid JSON"},
      {with("[0,7", "[0,123456789012345678901234567890", good), "no valid JSON"},
      {with("[0,7", "[0,null", good), "numbers alone"},
      {with("[0,7", "[0,\"7\"", good), "numbers alone"},
      {with("[0,7", "[0,NaN", good), "no valid JSON"},
      {with(R"("data":[)", R"("data":7,"d":[)", good), "'data' must be a list"},
      {with(R"("data")", R"("dat")", good), "neither 'data' nor 'binary_data_size'"},
      {with(R"("data")", R"("parameters":{"binary_data_size":36},"data")", good), "both 'data' and"},
      {with(R"("probabilities")", R"("logits")", good), "no output 'logits'; outputs: probabilities, label"},
      {with(R"([{"name":"probabilities"}])", R"({"name":"probabilities"})", good), "'outputs' must be a list"},
      {with(R"([{"name":"probabilities"}])", R"([{"name":"label"},{"name":"label"}])", good), "asked for twice"},
      {with(R"({"inputs")", R"({"id":7,"inputs")", good), "'id' must be a string"},
      {with(R"({"inputs")", R"({"id":")" + std::string(300, 'a') + R"(","inputs")", good), "at most 256"},
      {with(R"({"inputs")", R"({"parameters":7,"inputs")", good), "'parameters' must be an object"},
      {with(R"({"inputs")", R"({"parameters":{"binary_data_output":7},"inputs")", good), "must be true or false"},
  };
  for (const auto& [body, part] : rows) {
    const std::string said = refused(body);
    EXPECT_NE(said.find(part), std::string::npos) << body.substr(0, 200) << "\n" << said;
    EXPECT_TRUE(said.starts_with("4")) << said;
  }
  EXPECT_EQ(refused(good), "taken");
}

TEST_F(Protocol, RefusesBinaryThatDoesNotFit) {
  const std::string head =
      R"({"inputs":[{"name":"image","datatype":"FP32","shape":[1,6,6,1],"parameters":{"binary_data_size":144}}]})";
  const auto n = static_cast<int64_t>(head.size());
  const auto bytes = [](float value) {
    std::string out;
    for (int i = 0; i < 36; ++i) out.append(reinterpret_cast<const char*>(&value), 4);
    return out;
  };
  EXPECT_EQ(refused(head + bytes(1), n), "taken");
  for (const float bad : {-1.0F, 255.5F, NAN, INFINITY, -INFINITY, 1e38F})
    EXPECT_NE(refused(head + bytes(bad), n).find("from 0 to 255"), std::string::npos) << bad;
  EXPECT_NE(refused(head + bytes(1) + "x", n).find("145 bytes follow the JSON, expected 144"), std::string::npos);
  EXPECT_NE(refused(head, n).find("0 bytes follow"), std::string::npos);
  EXPECT_NE(refused(head, n + 1).find("Inference-Header-Content-Length is"), std::string::npos);
  EXPECT_NE(refused(with("144", "143", head) + bytes(1), n).find("must be 144"), std::string::npos);
  EXPECT_NE(refused(with("144", "-1", head) + bytes(1), n - 1).find("a number of bytes"), std::string::npos);
  EXPECT_NE(refused(std::string(35, 'a'), 0).find("a multiple of 36"), std::string::npos);
  EXPECT_NE(refused("", 0).find("a multiple of 36"), std::string::npos);
  EXPECT_NE(refused(std::string(36 * 9, 'a'), 0).find("413"), std::string::npos);
  for (const char* text : {"-1", "1x", "x", "99999999999999999999", " 1"})
    EXPECT_THROW((void)deploy::read_json_bytes(text), deploy::Refused) << text;
  EXPECT_EQ(deploy::read_json_bytes("12"), 12);
  EXPECT_FALSE(deploy::read_json_bytes("").has_value());
}

TEST_F(Protocol, BytesBehindJsonThatSaysNothingOfThemAreRefused) {
  const std::string body = infer_json(small_picture(0));
  EXPECT_NE(refused(body + "abc", static_cast<int64_t>(body.size())).find("3 bytes follow the JSON, expected none"),
            std::string::npos);
}

TEST_F(Protocol, EveryCutOfABodyIsRefused) {
  const std::string good = infer_json(small_picture(3));
  for (size_t n = 0; n < good.size(); ++n) EXPECT_TRUE(refused(good.substr(0, n)).starts_with("400")) << n;
}

TEST_F(Protocol, MutatedBodiesAreTakenOrRefused) {
  const std::string head =
      R"({"parameters":{"binary_data_output":true},"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6,6,1],)"
      R"("parameters":{"binary_data_size":36}}],"outputs":[{"name":"label","parameters":{"binary_data":false}}]})";
  const std::vector<std::pair<std::string, std::optional<int64_t>>> seeds{
      {infer_json(small_picture(3), R"("id":"a",)"), std::nullopt},
      {head + small_picture(3), static_cast<int64_t>(head.size())},
      {small_picture(3), 0}};
  constexpr std::string_view pieces = "{}[]\",:-0123456789eE.truefalsn\\u\xff\x80";
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return static_cast<size_t>(random()) % n; };
  int taken = 0;
  for (int i = 0; i < 30'000; ++i) {
    auto [body, json_bytes] = seeds[below(seeds.size())];
    for (size_t changes = 1 + below(4); changes > 0 && !body.empty(); --changes) {
      const size_t at = below(body.size());
      const char c = pieces[below(pieces.size())];
      switch (below(4)) {
        case 0: body[at] = c; break;
        case 1: body.insert(at, 1 + below(3), c); break;
        case 2: body.erase(at, 1 + below(8)); break;
        default: body.insert(at, body.substr(below(body.size()), below(40))); break;
      }
    }
    try {
      const auto r = read(body, json_bytes);
      ++taken;
      ASSERT_EQ(pixels(r).size(), static_cast<size_t>(r.examples.count) * 36);
      for (const float v : pixels(r)) ASSERT_TRUE(v >= 0 && v <= 255);
      ASSERT_FALSE(r.outputs.empty());
    } catch (const deploy::Refused& e) {
      ASSERT_TRUE(e.status() == 400 || e.status() == 413) << e.what();
    }
  }
  EXPECT_GT(taken, 100) << "some changes do no harm";
}

TEST_F(Protocol, WritesJsonAndBinary) {
  deploy::InferRequest asked;
  asked.id = "quote \" and \xff";
  asked.examples.count = 2;
  asked.outputs = {{"probabilities", false}, {"label", false}};
  const deploy::Answer answer{{0.125F, 0.75F, 0.125F, 1e-20F, 0.0F, 1.0F}, {}};
  const auto plain = deploy::write_infer(*model, asked, answer);
  EXPECT_EQ(plain.type, "application/json");
  const json j = json::parse(plain.body);
  EXPECT_EQ(j["model_name"], "a");
  EXPECT_EQ(j["model_version"], "1");
  EXPECT_EQ(j["id"], "quote \" and \uFFFD");
  EXPECT_EQ(j["parameters"]["digest"], model->digest());
  EXPECT_EQ(j["outputs"][0]["shape"], (std::vector<int>{2, 3}));
  EXPECT_EQ(j["outputs"][0]["data"].get<std::vector<float>>(), answer.probabilities) << "every bit of a number";
  EXPECT_EQ(j["outputs"][1],
            (json{{"name", "label"}, {"datatype", "BYTES"}, {"shape", {2}}, {"data", {"one", "two"}}}));

  asked.outputs = {{"label", true}, {"probabilities", true}};
  const auto binary = deploy::write_infer(*model, asked, answer);
  ASSERT_EQ(binary.headers.size(), 1u);
  EXPECT_EQ(binary.headers[0].first, "Inference-Header-Content-Length");
  const size_t n = std::stoul(binary.headers[0].second);
  const json head = json::parse(binary.body.substr(0, n));
  EXPECT_EQ(head["outputs"][0]["parameters"]["binary_data_size"], 14);
  EXPECT_EQ(binary.body.substr(n, 14), std::string("\3\0\0\0one\3\0\0\0two", 14));
  ASSERT_EQ(binary.body.size(), n + 14 + 24);
  EXPECT_EQ(std::memcmp(binary.body.data() + n + 14, answer.probabilities.data(), 24), 0);
}

TEST_F(Protocol, WritesWhatTheVerdictsAre) {
  tasks::Classifier unsure = small_model(1);
  data::Dataset some;
  some.inputs = Tensor::empty({12, 6, 6, 1}, DType::u8);
  some.classes = unsure.classes;
  for (int i = 0; i < 12; ++i) {
    some.labels.push_back(i % 3);
    std::ranges::copy(small_picture(static_cast<uint8_t>(20 * i)), some.pixels().data<uint8_t>().begin() + 36 * i);
  }
  evaluate::PeopleOptions people;
  people.complete("test");
  unsure.learn_confidence(people, some, some);
  unsure.save(folder / "unsure.safetensors");
  const auto served = deploy::ServedModel::load(folder / "unsure.safetensors", "a", "");

  deploy::InferRequest asked;
  asked.examples.count = 2;
  asked.outputs = {{"set", false}, {"deferred", false}, {"reason", false}};
  const deploy::Answer answer{{0.25F, 0.75F, 0.0F, 0.0F, 0.0F, 1.0F},
                              {{.label = 1, .set = {1, 0}, .why = evaluate::Why::unsure}, {.label = 2, .set = {2}}}};
  const json said = json::parse(deploy::write_infer(*served, asked, answer).body)["outputs"];
  EXPECT_EQ(said[0]["data"], (json{true, true, false, false, false, true}));
  EXPECT_EQ(said[1]["data"], (json{true, false}));
  EXPECT_EQ(said[2]["data"], (json{"unsure", ""}));

  asked.outputs = {{"deferred", true}, {"set", true}};
  const std::string binary = deploy::write_infer(*served, asked, answer).body;
  EXPECT_EQ(binary.substr(binary.size() - 8), std::string("\1\0\1\1\0\0\0\1", 8));
  const auto all = deploy::read_infer(
      *served, with(R"("outputs":[{"name":"probabilities"}])", R"("outputs":[])", infer_json(small_picture(0))), {}, 8);
  EXPECT_EQ(all.outputs.size(), 5u) << "an empty list asks for all";
}

TEST_F(Protocol, SaysWhatTheModelTakes) {
  const json j = json::parse(deploy::model_metadata(*model, {"1", "2"}));
  EXPECT_EQ(j["name"], "a");
  EXPECT_EQ(j["versions"], (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(j["inputs"], (json::array({{{"name", "image"}, {"datatype", "UINT8"}, {"shape", {-1, 6, 6, 1}}}})));
  EXPECT_EQ(j["outputs"][0]["shape"], (std::vector<int>{-1, 3}));
  EXPECT_EQ(j["parameters"]["classes"], (std::vector<std::string>{"zero", "one", "two"}));
}

TEST_F(Protocol, ReadsPictures) {
  Tensor image = Tensor::empty({6, 6, 1}, DType::u8);
  std::ranges::copy(small_picture(5), image.data<uint8_t>().begin());
  const auto png = data::encode_png(image);
  const std::string_view body(reinterpret_cast<const char*>(png.data()), png.size());
  const auto picture = [&](std::string_view type, std::string_view bytes) {
    return deploy::read_plain(*model, type, bytes, deploy::Form::whole, 8);
  };
  EXPECT_EQ(std::get<deploy::Pixels>(picture("image/png", body).values), pixels(read(small_picture(5), 0)));
  EXPECT_EQ(std::get<deploy::Pixels>(picture("Image/PNG ; size=6", body).values), pixels(read(small_picture(5), 0)));
  for (const auto& [type, bytes] : {std::pair<std::string_view, std::string_view>{"image/png", body.substr(0, 40)},
                                    {"image/jpeg", "GIF89a"},
                                    {"text/plain", "a picture"},
                                    {"application/json", "{}"}})
    EXPECT_THROW((void)picture(type, bytes), deploy::Refused) << type;
}

}  // namespace
}  // namespace tandem::testing
