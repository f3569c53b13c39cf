// The bodies of the Open Inference Protocol (KServe v2) for a network that tells classes apart, with its binary tensor
// extension.
// https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol/binary-tensor-data-extension
//
// Inputs. Pictures: "image", UINT8 (n, h, w, c), or FP32 with values 0 … 255; normalising is the model's own work.
// Texts: "text", BYTES (n). Rows of a table: an input for each column, of its name, (n): numbers of any type or as
// BYTES; words and dates as BYTES. A value is missing where it is null, not finite, or an empty text. Outputs:
// "probabilities" FP32 (n, classes) and "label" BYTES (n); with confidence also "set" BOOL (n, classes), the classes in
// the prediction set, and "deferred" BOOL and "reason" BYTES (n): whether a person should decide, and why.
#pragma once
#include <tandem/deploy/http.h>
#include <tandem/deploy/served_model.h>

#include <optional>

namespace tandem::deploy {

struct InferRequest {
  std::string id;
  std::string subject;  // parameters.subject: whose input it is
  Examples examples;
  struct Output {
    std::string name;
    bool binary = false;
  };
  std::vector<Output> outputs;  // at least one
};

/// Reads a body. `json_bytes`: the value of Inference-Header-Content-Length, how much of the body is JSON; tensors
/// follow it. 0 stands for one UINT8 tensor of pictures and no JSON. A JSON object without "inputs" is a row, for a
/// model of tables. Throws Refused 400 for anything that does not fit the protocol or the model, 413 for more than
/// `most` examples.
[[nodiscard]] InferRequest read_infer(const ServedModel& model, std::string_view body,
                                      std::optional<int64_t> json_bytes, int64_t most);
/// The header's text as a number; none when it is empty. Throws Refused 400.
[[nodiscard]] std::optional<int64_t> read_json_bytes(const std::string& header);

/// A request for all outputs, from examples alone.
[[nodiscard]] InferRequest whole_answer(const ServedModel& model, Examples examples);

/// The answer's body, and its headers when a tensor is binary. `decisions`: under which numbers the examples were kept,
/// 0 for those that were not; none when nothing is kept.
[[nodiscard]] Response write_infer(const ServedModel& model, const InferRequest& request, const Answer& answer,
                                   std::span<const int64_t> decisions = {});

[[nodiscard]] std::string server_metadata();
[[nodiscard]] std::string model_metadata(const ServedModel& model, const std::vector<std::string>& versions);
/// {"error": "…"}
[[nodiscard]] std::string error_body(const std::string& message);
/// Text as a JSON string, quotes included; bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string json_string(const std::string& text);

}  // namespace tandem::deploy
