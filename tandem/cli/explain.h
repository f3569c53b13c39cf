// tandem explain, by kind of example.
#pragma once
#include <tandem/people/explain.h>
#include <tandem/tasks/classifier.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tandem::cli {

struct ExplainOptions {
  std::string model, method, out = "explained", target, data;  // method "": the usual one of the kind
  std::vector<std::string> inputs, fixed;
  int64_t samples = 32, count = 6;
  bool invert = false, json = false, check = false;
};

inline constexpr const char* nearest_method = "nearest";

int explain_texts(tasks::Classifier& model, const ExplainOptions& o);
int explain_rows(tasks::Classifier& model, const ExplainOptions& o);

/// --target as a number; -1 when it was not given.
[[nodiscard]] int64_t class_index(const tasks::Classifier& model, const std::string& name);
/// The training data of a run, as its recipe tells it.
[[nodiscard]] data::Dataset training_data(const tasks::Classifier& model, const ExplainOptions& o);
/// Training examples by what the network makes of them, and for each example of `asked` those most alike.
[[nodiscard]] std::vector<std::vector<people::Neighbours::Neighbour>> nearest_to(tasks::Classifier& model,
                                                                                 const data::Dataset& known,
                                                                                 const data::Dataset& asked,
                                                                                 int64_t count);
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<people::Neighbours::Neighbour>& alike,
                                             const tasks::Classifier& model);
/// null for what is no finite number.
[[nodiscard]] nlohmann::ordered_json number(double value);
/// "████████": how much something adds, beside the largest; "░░" against.
[[nodiscard]] std::string bar(double value, double largest);
void print_json(const nlohmann::ordered_json& list);

}  // namespace tandem::cli
