#include <tandem/evaluate/page_data.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::evaluate {

using nlohmann::ordered_json;

double rounded(double value, double scale) { return std::isfinite(value) ? std::round(value * scale) / scale : value; }

std::string dumped(const ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json run_data(const RunFacts& facts, std::span<const EpochPoint> history, int64_t kept_epoch,
                      const std::string& recipe, std::span<const LayerRow> network, std::span<const NextStep> next) {
  ordered_json points = ordered_json::array(), layers = ordered_json::array(), steps = ordered_json::array();
  for (const EpochPoint& h : history)
    points.push_back(ordered_json::array({h.epoch, rounded(h.train_loss, 1e6), rounded(h.validation_loss, 1e6),
                                          rounded(h.train_accuracy), rounded(h.validation_accuracy), h.learning_rate,
                                          rounded(h.seconds, 1e2)}));
  for (const LayerRow& row : network)
    layers.push_back(ordered_json::array({row.name, row.kind, row.output, row.parameters}));
  for (const NextStep& step : next) steps.push_back(ordered_json::array({step.command, step.purpose, step.purpose_zh}));
  return {{"facts",
           {{"name", facts.name},
            {"task", facts.task},
            {"data", facts.data},
            {"split", facts.split},
            {"seconds", facts.seconds},
            {"train_seconds", facts.train_seconds},
            {"seed", facts.seed},
            {"parameters", facts.parameters},
            {"version", facts.version},
            {"command", facts.command},
            {"date", facts.date},
            {"machine", facts.machine}}},
          {"remarks", ordered_json::parse(remarks_json(facts))},
          {"history", std::move(points)},
          {"kept", kept_epoch},
          {"recipe", recipe},
          {"network", std::move(layers)},
          {"next", std::move(steps)}};
}

}  // namespace tandem::evaluate
