// What the page shows of an example and of the network that looks at it. Answers are JSON.
#pragma once
#include <tandem/deploy/http.h>
#include <tandem/deploy/picture.h>
#include <tandem/people/explain.h>
#include <tandem/people/memory.h>

#include <memory>
#include <optional>

namespace tandem::deploy {

/// One example as a client sent it.
struct Sent {
  Examples examples;
  std::optional<Picture> picture = {};  // what was taken of a picture
};
/// Reads a body of the model's kind: a picture, whose parameter `form` says how it is taken, a text, or a row as JSON
/// or CSV. Throws Refused: 400 when the model takes something else, or the body is not what its type says; 413 for what
/// is too large.
[[nodiscard]] Sent read_sent(const ServedModel& model, const Request& request);

/// The answer, whether a person should give it, and of a picture how the network sees it (PNG in base64) and which part
/// of the sent one that is. `answer` is of this example alone.
[[nodiscard]] std::string look(const ServedModel& model, const Sent& sent, const Answer& answer);

/// The layers in the order the data flows: name, kind, shape (without the batch; [] where it is not known), parameters.
[[nodiscard]] std::string network(nn::Sequential net);

/// The input and what each layer makes of the example, as bytes in base64, of which 0 is the layer's lowest number and
/// 255 its highest: up to 64 maps (the first channels), 512 values, or 96 tokens with 256 numbers each. Of a text the
/// tokens themselves come first. Layers that only hand on show nothing.
[[nodiscard]] std::string activations(const ServedModel& model, const Examples& examples);

/// Training examples that resemble others to one network.
class Resemblance {
 public:
  /// Looks at all examples that `memory` replays.
  Resemblance(const ServedModel& model, std::shared_ptr<const people::Memory> memory);
  /// The six nearest: picture (PNG in base64), text or row, label, similarity (1: the same to the network).
  [[nodiscard]] std::string similar(const ServedModel& model, const Examples& examples) const;

 private:
  tasks::Classifier model_;
  std::shared_ptr<const people::Memory> memory_;
  people::Neighbours neighbours_;
};

}  // namespace tandem::deploy
