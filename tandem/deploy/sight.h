// What the page shows of a picture and of the network that looks at it. Answers are JSON.
#pragma once
#include <tandem/deploy/picture.h>
#include <tandem/people/explain.h>
#include <tandem/people/memory.h>

#include <memory>

namespace tandem::deploy {

/// The answer, whether a person should give it, the picture as the network sees it (PNG in base64) and which part of
/// the sent picture that is. `answer` is of this picture alone.
[[nodiscard]] std::string look(const ServedModel& model, const Picture& picture, const Answer& answer);

/// The layers in the order the data flows: name, kind, shape (without the batch), parameters.
[[nodiscard]] std::string network(const ServedModel& model);

/// The input and what each layer makes of the picture: up to 64 maps (the first channels) or 512 values as bytes in
/// base64, of which 0 is the layer's lowest number and 255 its highest. Layers that only hand on show nothing.
[[nodiscard]] std::string activations(const ServedModel& model, const Picture& picture);

/// Training pictures that resemble others to one network.
class Resemblance {
 public:
  /// Looks at all pictures that `memory` replays.
  Resemblance(const ServedModel& model, std::shared_ptr<const people::Memory> memory);
  /// The six nearest: picture (PNG in base64), label, similarity (1: the same to the network).
  [[nodiscard]] std::string similar(const Picture& picture) const;

 private:
  tasks::Classifier model_;
  std::shared_ptr<const people::Memory> memory_;
  people::Neighbours neighbours_;
};

}  // namespace tandem::deploy
