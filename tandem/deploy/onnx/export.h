// Models as ONNX graphs: raw examples go in, what `predict` says comes out. docs/onnx.md describes both sides.
#pragma once
#include <tandem/deploy/onnx/graph.h>
#include <tandem/tasks/classifier.h>
#include <tandem/tasks/language_model.h>

namespace tandem::deploy::onnx {

/// Preprocessing, network, views, temperature and threshold. Throws a usage error naming the layer or the part that
/// cannot be exported.
[[nodiscard]] Graph graph_of(const tasks::Classifier& model);
/// Scores of the token behind each of a text's.
[[nodiscard]] Graph graph_of(const tasks::LanguageModel& model);

}  // namespace tandem::deploy::onnx
