// Networks of texts and of tables in service: every form of a request, what does not fit, what is kept.
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/deploy/serving.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}
std::string bytes_of(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    const auto size = static_cast<uint32_t>(text.size());
    out.append(reinterpret_cast<const char*>(&size), 4);
    out += text;
  }
  return out;
}

json input(const std::string& name, const std::string& type, const json& values) {
  return {{"name", name}, {"datatype", type}, {"shape", {values.size()}}, {"data", values}};
}
// The same without its values, which follow the JSON.
json binary(const std::string& name, const std::string& type, int64_t n, const std::string& bytes) {
  return {{"name", name}, {"datatype", type}, {"shape", {n}}, {"parameters", {{"binary_data_size", bytes.size()}}}};
}

struct Kinds : ::testing::Test {
  Folder folder;
  std::unique_ptr<Serving> serving;
  void SetUp() override {
    small_text_model(1).save(folder / "films.safetensors");
    small_table_model(1).save(folder / "heart.safetensors");
    small_model(1).save(folder / "digits.safetensors");
    start();
  }
  void start(deploy::Keep keep = deploy::Keep::none, const fs::path& films = {}, const fs::path& heart = {}) {
    serving.reset();
    serving = std::make_unique<Serving>(
        std::vector<deploy::ModelSource>{{"films", "", films.empty() ? folder / "films.safetensors" : films},
                                         {"heart", "", heart.empty() ? folder / "heart.safetensors" : heart}},
        deploy::BatchOptions{}, deploy::HttpOptions{}, deploy::ServiceOptions{}, keep);
  }
  [[nodiscard]] Answered post(const std::string& model, const std::string& body,
                              const std::string& headers = "") const {
    return serving->ask(request("POST", "/v2/models/" + model + "/infer", body, headers));
  }
  [[nodiscard]] Answered tensors(const std::string& model, const json& inputs, const std::string& more = "") const {
    const json list = inputs.is_array() ? inputs : json::array({inputs});  // {one} is a copy of it
    const std::string head = json{{"inputs", list}}.dump();
    return post(model, head + more,
                more.empty() ? "" : fmt::format("Inference-Header-Content-Length: {}\r\n", head.size()));
  }
  static std::vector<float> probabilities(const Answered& answer) {
    if (answer.status != 200) ADD_FAILURE() << answer.body;
    return answer.status == 200 ? json::parse(answer.body)["outputs"][0]["data"].get<std::vector<float>>()
                                : std::vector<float>{};
  }
  static std::vector<float> of_texts(const data::Texts& texts) {
    return offline(small_text_model(1), texts, texts.size());
  }
  static std::vector<float> of_rows(const std::string& rows) {
    return offline(small_table_model(1), small_table(rows), static_cast<size_t>(std::ranges::count(rows, '\n')));
  }
};

TEST_F(Kinds, SayWhatTheyTake) {
  const auto inputs = [&](const char* model) {
    return json::parse(serving->ask(request("GET", std::string("/v2/models/") + model)).body)["inputs"];
  };
  EXPECT_EQ(inputs("films"), json::parse(R"([{"name":"text","datatype":"BYTES","shape":[-1]}])"));
  EXPECT_EQ(inputs("heart"), json::parse(R"([{"name":"age","datatype":"FP64","shape":[-1]},
      {"name":"since","datatype":"BYTES","shape":[-1]},{"name":"sex","datatype":"BYTES","shape":[-1]}])"));
}

TEST_F(Kinds, TextsAreAnsweredAsThePredictVerbDoes) {
  const data::Texts texts{"a good film", "not fun", "ein schöner Film"};
  EXPECT_TRUE(same_answer(probabilities(tensors("films", {input("text", "BYTES", texts)})), of_texts(texts)));
  const std::string more = bytes_of(texts);
  EXPECT_TRUE(same_answer(probabilities(tensors("films", {binary("text", "BYTES", 3, more)}, more)), of_texts(texts)));
  for (const std::string& text : texts)
    EXPECT_EQ(probabilities(post("films", text, "Content-Type: text/plain; charset=utf-8\r\n")), of_texts({text}));
}

TEST_F(Kinds, RowsAreAnsweredAsThePredictVerbDoes) {
  const std::string rows = "31,2024-03-01,\"F, say\"\n,,\n0.1,1.3.2024,new\n";
  const std::vector<float> right = of_rows(rows);
  const json since{"2024-03-01", nullptr, "1.3.2024"}, sex{"F, say", nullptr, "new"};
  const auto asked = [&](const json& age) {
    return probabilities(tensors("heart", {input("sex", "BYTES", sex), age, input("since", "BYTES", since)}));
  };
  EXPECT_TRUE(same_answer(asked(input("age", "FP64", {31, nullptr, 0.1})), right)) << "columns in any order";
  EXPECT_TRUE(same_answer(asked(input("age", "BYTES", {"31", "", " 0.1 "})), right)) << "numbers as text";
  EXPECT_TRUE(same_answer(asked(input("age", "BYTES", {"31", "?", "1e-1"})), right)) << "what stands for no value";

  const std::string words = bytes_of(std::vector<std::string>{"F, say", "", "new"}),
                    days = bytes_of(std::vector<std::string>{"2024-03-01", "", "2024/03/01"}),
                    ages = bytes_of(std::vector<double>{31, NAN, 0.1});
  EXPECT_TRUE(same_answer(probabilities(tensors("heart",
                                                {binary("age", "FP64", 3, ages), binary("sex", "BYTES", 3, words),
                                                 binary("since", "BYTES", 3, days)},
                                                ages + words + days)),
                          right));
  const std::string csv = "sex,other,age,since\n\"F, say\",1,31,2024-03-01\n,2,,\nnew,3,0.1,1.3.2024\n";
  EXPECT_TRUE(same_answer(probabilities(post("heart", csv, "Content-Type: text/csv\r\n")), right));
  EXPECT_EQ(probabilities(post("heart", R"({"age":31,"since":"2024-03-01","sex":"F, say"})")),
            of_rows("31,2024-03-01,\"F, say\"\n"));
  EXPECT_EQ(probabilities(post("heart", R"({"age":null,"since":null,"sex":null})")), of_rows(",,\n"));
  EXPECT_EQ(probabilities(post("heart", R"({"age":true,"since":null,"sex":"M"})")), of_rows("1,,M\n"));
}

TEST_F(Kinds, NumbersOfEveryTypeAreRead) {
  const auto asked = [&](const char* type, const std::string& bytes) {
    return probabilities(tensors(
        "heart", {binary("age", type, 1, bytes), input("since", "BYTES", {nullptr}), input("sex", "BYTES", {"M"})},
        bytes));
  };
  const auto right = of_rows("7,,M\n");
  EXPECT_EQ(asked("UINT8", bytes_of(std::vector<uint8_t>{7})), right);
  EXPECT_EQ(asked("UINT16", bytes_of(std::vector<uint16_t>{7})), right);
  EXPECT_EQ(asked("UINT32", bytes_of(std::vector<uint32_t>{7})), right);
  EXPECT_EQ(asked("UINT64", bytes_of(std::vector<uint64_t>{7})), right);
  EXPECT_EQ(asked("INT8", bytes_of(std::vector<int8_t>{7})), right);
  EXPECT_EQ(asked("INT16", bytes_of(std::vector<int16_t>{7})), right);
  EXPECT_EQ(asked("INT32", bytes_of(std::vector<int32_t>{7})), right);
  EXPECT_EQ(asked("INT64", bytes_of(std::vector<int64_t>{-7})), of_rows("-7,,M\n"));
  EXPECT_EQ(asked("FP32", bytes_of(std::vector<float>{7})), right);
  EXPECT_EQ(asked("FP32", bytes_of(std::vector<float>{INFINITY})), of_rows(",,M\n")) << "no value";
  EXPECT_EQ(asked("BOOL", bytes_of(std::vector<uint8_t>{1})), of_rows("1,,M\n"));
  EXPECT_EQ(probabilities(tensors("heart", {input("age", "INT64", {7}), input("since", "BYTES", {nullptr}),
                                            input("sex", "BYTES", {"M"})})),
            right);
}

TEST_F(Kinds, WhatDoesNotFitIsNamed) {
  const json age = input("age", "FP64", {31}), since = input("since", "BYTES", {"2024-03-01"}),
             sex = input("sex", "BYTES", {"M"});
  const std::vector<std::pair<json, std::string>> bad_rows{
      {{age, since}, "an input is missing: sex"},
      {{age}, "inputs are missing: since, sex"},
      {{age, since, sex, input("size", "FP64", {1})}, "no input 'size'; inputs: age, since, sex"},
      {{age, since, sex, age}, "'age' is given twice"},
      {{input("age", "FP64", {31, 32}), since, sex}, "the input 'age' has 2 rows, 'since' has 1"},
      {{input("age", "FP64", {"31"}), since, sex}, "the input 'age' is FP64: its 'data' must hold numbers"},
      {{input("age", "INT64", {1.5}), since, sex}, "must hold whole numbers"},
      {{age, since, input("sex", "BYTES", {7})}, "the input 'sex' is BYTES: its 'data' must hold strings or null"},
      {{input("age", "BOOL", {1}), since, sex}, "must hold true, false"},
      {{input("age", "BYTES", {"old"}), since, sex}, "line 2: 'old' in column 'age' is no number"},
      {{age, input("since", "BYTES", {"yesterday"}), sex}, "'yesterday' in column 'since' is no date"},
      {{age, input("since", "FP64", {1}), sex}, "row 1 has a number in the input 'since', which holds dates"},
      {{age, since, input("sex", "BOOL", {true})}, "a truth value in the input 'sex', which holds words"},
      {{age, since, input("sex", "BYTES", {std::string("a\0b", 3)})}, "0"},
      {{input("age", "FP16", {1}), since, sex}, "the datatype 'FP16', expected one of BYTES"},
      {{input("age", "FP64", {{31}}), since, sex}, "in one list"},
  };
  for (const auto& [inputs, part] : bad_rows) {
    const auto answer = tensors("heart", inputs);
    EXPECT_EQ(answer.status, 400) << inputs;
    EXPECT_NE(answer.body.find(part), std::string::npos) << part << " not in " << answer.body;
  }
  json wide = age;
  wide["shape"] = {1, 1};
  EXPECT_EQ(tensors("heart", {wide, since, sex}).status, 400);
  json two = age;
  two["shape"] = {2};
  EXPECT_NE(tensors("heart", {two, since, sex}).body.find("has 1 values, its shape asks for 2"), std::string::npos);
  json many = age;
  many["shape"] = {100'000};
  EXPECT_EQ(tensors("heart", {many, since, sex}).status, 413);

  const std::vector<std::pair<json, std::string>> bad_texts{
      {json::array({input("text", "BYTES", {"good", " "})}), "text 2: is empty"},
      {json::array({input("text", "BYTES", {nullptr})}), "text 1: is empty"},
      {json::array({input("words", "BYTES", {"good"})}), "no input 'words'; inputs: text"},
      {json::array({input("text", "FP32", {1})}), "expected BYTES"},
      {json::array({input("text", "BYTES", {"a"}), input("text", "BYTES", {"a"})}), "2 inputs were given"},
  };
  for (const auto& [inputs, part] : bad_texts) {
    const auto answer = tensors("films", inputs);
    EXPECT_EQ(answer.status, 400) << inputs;
    EXPECT_NE(answer.body.find(part), std::string::npos) << part << " not in " << answer.body;
  }
  const auto plain = [&](const char* model, const std::string& type, const std::string& body) {
    const auto answer = post(model, body, "Content-Type: " + type + "\r\n");
    EXPECT_EQ(answer.status, 400) << type << " " << body;
    return answer.body;
  };
  EXPECT_NE(plain("films", "text/plain", "\xff\xfe").find("UTF-8"), std::string::npos);
  EXPECT_NE(plain("films", "image/png", "x").find("the model takes texts, not image/png"), std::string::npos);
  EXPECT_NE(plain("films", "text/csv", "text\na\n").find("takes texts"), std::string::npos);
  EXPECT_NE(plain("heart", "text/plain", "31").find("the model takes rows of a table"), std::string::npos);
  EXPECT_NE(plain("heart", "text/csv", "age,since\n31,\n").find("sex"), std::string::npos);
  EXPECT_NE(plain("heart", "text/csv", "age,since,sex\n31,2024-03-01\n").find("line 2"), std::string::npos);
  EXPECT_NE(plain("heart", "application/json", R"({"age":[31]})").find("'age' must be"), std::string::npos);
  EXPECT_NE(plain("heart", "application/json", R"({"age":31})").find("missing: since, sex"), std::string::npos);
  EXPECT_EQ(post("films", "x", "Inference-Header-Content-Length: 0\r\n").status, 400);
}

TEST_F(Kinds, BinaryThatDoesNotFitIsRefused) {
  const std::string good = bytes_of(std::vector<std::string>{"good", "bad"});
  const auto asked = [&](const json& in, const std::string& bytes) { return tensors("films", {in}, bytes); };
  EXPECT_EQ(asked(binary("text", "BYTES", 2, good), good).status, 200);
  EXPECT_EQ(asked(binary("text", "BYTES", 3, good), good).status, 400) << "a third text is not there";
  EXPECT_EQ(asked(binary("text", "BYTES", 1, good), good).status, 400) << "bytes are left in the tensor";
  EXPECT_EQ(asked(binary("text", "BYTES", 2, good), good + "x").status, 400) << "bytes are left behind it";
  EXPECT_EQ(asked(binary("text", "BYTES", 2, good + "x"), good).status, 400) << "more is asked for than is there";
  const std::string lies = std::string("\xff\xff\xff\xff", 4) + "good";
  EXPECT_EQ(asked(binary("text", "BYTES", 1, lies), lies).status, 400) << "a length of 4 GB";
}

TEST_F(Kinds, AThresholdDecidesTheLabel) {
  tasks::Classifier careful = small_table_model(1);
  const auto p = of_rows("31,2024-03-01,M\n");
  careful.threshold =
      evaluate::Threshold{{}, static_cast<double>(std::min(p[0], p[1])) / 2};  // ill before it is likely
  careful.save(folder / "careful.safetensors");
  start(deploy::Keep::none, {}, folder / "careful.safetensors");
  const auto answer = post("heart", R"({"age":31,"since":"2024-03-01","sex":"M"})");
  EXPECT_EQ(probabilities(answer), p);
  EXPECT_EQ(json::parse(answer.body)["outputs"][1]["data"][0], "ill");
}

TEST_F(Kinds, DecisionsAreKeptInTheirOwnForm) {
  for (const char* name : {"films", "heart"}) {
    folder.write(fmt::format("{}/recipe.yaml", name), "name: run\n");
    fs::copy(folder / fmt::format("{}.safetensors", name), folder / fmt::format("{}/model.safetensors", name));
  }
  start(deploy::Keep::all, folder / "films", folder / "heart");
  (void)tensors("films", {input("text", "BYTES", {"good", "schön"})});
  (void)post("heart", "sex,age,since\nM,3.50,\n", "Content-Type: text/csv\r\n");
  serving.reset();
  const auto text = [](const people::Decision& d) { return std::string(d.input.begin(), d.input.end()); };
  people::Store films(folder / "films/people.sqlite"), heart(folder / "heart/people.sqlite");
  EXPECT_EQ(films.decision(2).media_type, "text/plain; charset=utf-8");
  EXPECT_EQ(text(films.decision(2)), "schön");
  EXPECT_EQ(heart.decision(1).media_type, "application/json");
  EXPECT_EQ(text(heart.decision(1)), R"({"age":"3.5","since":null,"sex":"M"})");

  start();
  EXPECT_EQ(probabilities(post("heart", text(heart.decision(1)))), of_rows("3.5,,M\n")) << "it can be asked again";
}

TEST_F(Kinds, AModelOfAnotherKindDoesNotTakeTheirPlace) {
  const auto load = [&](const char* model) {
    return serving->ask(request("POST", fmt::format("/v2/repository/models/{}/load", model))).status;
  };
  small_table_model(2).save(folder / "films.safetensors");
  EXPECT_EQ(load("films"), 409);
  small_text_model(2).save(folder / "films.safetensors");
  EXPECT_EQ(load("films"), 200);
  data::Table other = small_table();
  other.columns[0].name = "years";
  small_table_model(2, other).save(folder / "heart.safetensors");
  EXPECT_EQ(load("heart"), 409) << "other columns";
  EXPECT_EQ(probabilities(post("heart", R"({"age":1,"since":null,"sex":null})")), of_rows("1,,\n"));
  small_table_model(2).save(folder / "heart.safetensors");
  EXPECT_EQ(load("heart"), 200);
}

TEST_F(Kinds, RequestsOfMixedSizesAreAnsweredEachByItsOwn) {
  std::vector<std::thread> clients;
  std::atomic<int> wrong = 0;
  for (int c = 0; c < 4; ++c)
    clients.emplace_back([&, c] {
      Client client(serving->server.port());
      for (int i = 0; i < 50; ++i) {
        data::Texts texts;
        for (int k = 0; k <= (c + i) % 3; ++k) texts.push_back((k + i) % 2 ? "good fun" : "not a film");
        const auto text = client.ask(request("POST", "/v2/models/films/infer",
                                             json{{"inputs", json::array({input("text", "BYTES", texts)})}}.dump()));
        const int age = 10 * c + i;
        const auto row = client.ask(
            request("POST", "/v2/models/heart/infer", json{{"age", age}, {"since", nullptr}, {"sex", "M"}}.dump()));
        wrong += same_answer(probabilities(text), of_texts(texts)) ? 0 : 1;
        wrong += same_answer(probabilities(row), of_rows(fmt::format("{},,M\n", age))) ? 0 : 1;
      }
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace tandem::testing
