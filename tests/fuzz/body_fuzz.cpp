// Bodies of requests: the protocol's in JSON and binary, files with no protocol around them, and completions, for
// models of pictures, texts and tables. What is read is answered.
#include <tandem/deploy/completion_request.h>
#include <tandem/deploy/plain.h>
#include <tandem/deploy/protocol.h>

#include "tests/fuzz/models.h"

using namespace tandem;

namespace {

constexpr int64_t most = 16;  // examples of a request

std::shared_ptr<const deploy::ServedModel> served(tasks::Classifier model) {
  const std::string path = fuzz::own_path("body");
  model.save(path);
  auto out = deploy::ServedModel::load(path, "m", "");
  ::unlink(path.c_str());
  return out;
}

const deploy::ServedModel& model(size_t kind) {
  static const std::array models = [] {
    auto all = fuzz::classifiers("[flatten, linear: classes]", {3, 2, 1, {0.2}, {0.05}});
    return std::array{served(all[0]), served(all[1]), served(all[2])};
  }();
  return *models[kind % models.size()];
}

void answer(const deploy::ServedModel& asked, const deploy::InferRequest& request) {
  fuzz::demand(request.examples.count <= most && !request.outputs.empty());
  if (request.examples.count > 0)
    fuzz::demand(!write_infer(asked, request, asked.predict(request.examples)).body.empty());
}

}  // namespace

/// The first byte says which model and which way to read; of a binary body the second, how much of it is JSON.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Bytes bytes(data, size);
  const uint8_t what = fuzz::choice(bytes);
  const deploy::ServedModel& asked = model(what % 3);
  try {
    switch (what / 3 % 4) {
      case 0: answer(asked, deploy::read_infer(asked, fuzz::text_of(bytes), {}, most)); break;
      case 1: {
        const int64_t json = fuzz::choice(bytes);
        answer(asked, deploy::read_infer(asked, fuzz::text_of(bytes), json, most));
        break;
      }
      case 2: {
        static const char* const types[] = {"image/png", "text/plain", "text/csv", "application/json", "image/jpeg"};
        const char* type = types[fuzz::choice(bytes) % std::size(types)];
        answer(asked, whole_answer(asked, deploy::read_plain(asked, type, fuzz::text_of(bytes), {}, most)));
        break;
      }
      default: {
        const bool chat = what % 2 == 0;
        const deploy::CompletionRequest request = deploy::read_completion(fuzz::text_of(bytes), chat, 100, 1000);
        fuzz::demand(request.prompt.size() <= 1000 && request.options.tokens <= 100);
      }
    }
  } catch (const deploy::Refused& refused) {
    fuzz::demand(refused.status() == 400 || refused.status() == 413);
  }
  return 0;
}
