// The verb `serve` as people use it.
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cli/program.h"
#include "tests/deploy/serving.h"

namespace tandem::testing {
namespace {

using namespace std::chrono_literals;

struct Serve : ::testing::Test {
  Folder folder;
  void SetUp() override { small_model(1).save(folder / "digits.safetensors"); }
  // Waits for the address on standard output and returns its port.
  uint16_t port_of(const Program&) const {
    for (int i = 0; i < 400; ++i, std::this_thread::sleep_for(25ms)) {
      const std::string out = read_text(folder / ".out");
      if (out.ends_with('\n')) return static_cast<uint16_t>(std::stoul(out.substr(out.rfind(':') + 1)));
    }
    ADD_FAILURE() << "no address: " << read_text(folder / ".err");
    return 0;
  }
};

TEST_F(Serve, AnswersChangesModelsAndEnds) {
  Program program(folder.path(), {"serve", "digits.safetensors", "--port", "0"});
  const uint16_t port = port_of(program);
  const auto infer = [&] {
    const auto answer = Client(port).ask(request("POST", "/v2/models/digits/infer", infer_json(small_picture(4))));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return nlohmann::json::parse(answer.body)["outputs"][0]["data"].get<std::vector<float>>();
  };
  EXPECT_EQ(infer(), offline(small_model(1), small_picture(4)));
  small_model(2).save(folder / "digits.safetensors");
  program.signal(SIGHUP);
  for (int i = 0; i < 400 && infer() != offline(small_model(2), small_picture(4)); ++i) std::this_thread::sleep_for(25ms);
  EXPECT_EQ(infer(), offline(small_model(2), small_picture(4)));
  folder.write("digits.safetensors", "damaged");
  program.signal(SIGHUP);
  for (int i = 0; i < 400 && read_text(program.err()).find("stays in service") == std::string::npos; ++i)
    std::this_thread::sleep_for(25ms);
  EXPECT_EQ(infer(), offline(small_model(2), small_picture(4)));
  program.signal(SIGTERM);
  const Said said = program.wait();
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out, fmt::format("http://127.0.0.1:{}\n", port));
  EXPECT_NE(said.err.find("1 went live"), std::string::npos) << said.err;
  EXPECT_NE(said.err.find("digits.safetensors"), std::string::npos) << "names the file that was refused: " << said.err;
}

TEST_F(Serve, RefusesWhatItCannotServe) {
  const auto refused = [&](const std::vector<std::string>& arguments, int code, const std::vector<std::string>& parts,
                           const std::vector<std::string>& environment = {}) {
    std::vector<std::string> words{"serve"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const Said said = tandem(folder, words, environment);
    EXPECT_EQ(said.code, code) << said.err;
    for (const auto& part : parts) EXPECT_NE(said.err.find(part), std::string::npos) << part << " not in: " << said.err;
  };
  refused({}, 2, {"runs"});
  refused({"gone.safetensors"}, 3, {"gone.safetensors"});
  refused({"digits.safetensors", "digits.safetensors"}, 2, {"two models are digits version 1", "NAME:VERSION=RUN"});
  refused({"a/b=digits.safetensors"}, 2, {"'a/b'"});
  refused({"digits.safetensors", "--address", "0.0.0.0"}, 2, {"0.0.0.0", "--tokens FILE"});
  refused({"digits.safetensors", "--address", "nowhere"}, 2, {"--tokens FILE"});
  refused({"digits.safetensors", "--port", "70000"}, 2, {"--port"});
  refused({"digits.safetensors", "--queue", "0"}, 2, {"--queue"});
  refused({"digits.safetensors"}, 2, {"TANDEM_TOKENS:1", "ROLE TOKEN"}, {"TANDEM_TOKENS=secretsecretsecret"});
  folder.write("tokens", "predict short\n");
  refused({"digits.safetensors", "--tokens", "tokens"}, 2, {"tokens:1", "at least 16"});
}

TEST_F(Serve, EveryFlagShowsItsVariable) {
  const Said said = tandem(folder, {"serve", "--help"});
  EXPECT_EQ(said.code, 0);
  int flags = 0;
  const std::string& text = said.out;
  for (size_t at = text.find("\n  --"); at != std::string::npos; at = text.find("\n  --", at + 1)) {
    const std::string flag = text.substr(at + 3, text.find("\n  -", at + 1) - at - 3);
    EXPECT_NE(flag.find("TANDEM_"), std::string::npos) << flag;
    ++flags;
  }
  EXPECT_GE(flags, 13);
}

}  // namespace
}  // namespace tandem::testing
