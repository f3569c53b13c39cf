// What the data of every report page has, whatever the task.
#pragma once
#include <tandem/evaluate/page.h>

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

namespace tandem::evaluate {

/// An object with the facts of the run and their remarks, the history and the epoch whose weights were kept, recipe,
/// network and next steps.
[[nodiscard]] nlohmann::ordered_json run_data(const RunFacts& facts, std::span<const EpochPoint> history,
                                              int64_t kept_epoch, const std::string& recipe,
                                              std::span<const LayerRow> network, std::span<const NextStep> next);

/// Short enough for a page: to a multiple of 1 / scale. What is not finite becomes null in JSON.
[[nodiscard]] double rounded(double value, double scale = 1e5);

/// As text; bytes that are no UTF-8 are replaced. indent -1: on one line.
[[nodiscard]] std::string dumped(const nlohmann::ordered_json& value, int indent);

}  // namespace tandem::evaluate
