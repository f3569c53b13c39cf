// From raw examples to what a network's first layer takes, as nodes of a graph.
#pragma once
#include <tandem/deploy/onnx/layers.h>
#include <tandem/tasks/input.h>
#include <tandem/tasks/views.h>

namespace tandem::deploy::onnx {

/// Declares the inputs of the graph and writes the preprocessing. Views of pictures stand one behind the other along
/// the batch axis.
[[nodiscard]] Flow write_input(Graph& graph, const tasks::Input& input, const tasks::Views& views);
/// Rows of a table: a column is an input (batch, 1).
[[nodiscard]] Flow write_rows(Graph& graph, const tasks::TableInput& input);
/// Token ids, (batch, time).
[[nodiscard]] Flow write_tokens(Graph& graph);

}  // namespace tandem::deploy::onnx
