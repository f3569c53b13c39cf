// Why a served model gives an answer, for each kind of examples.
#pragma once
#include <tandem/deploy/sight.h>

#include <string>
#include <vector>

namespace tandem::deploy {

/// The methods by which a model can be explained; the first is the usual one.
[[nodiscard]] std::vector<std::string> methods_of(const ServedModel& model);

/// Why the answer to one example: JSON with model_name, model_version, parameters.digest, method, class and label, and
///  - of a picture: map (shape, data: how much each pixel speaks for the class), output, black_output, overlay_png
///  - of a text: parts (text, begin and end in bytes, adds), output, baseline_output, gap
///  - of a row: parts (column, value, adds), probability, usual, exact, and counterfactual (found, label, probability,
///    changes: column, from, to): what would have to be different for that class, or for another one when it is the
///    answer
/// `request`: its parameters `method` and `class` say what is explained. `training`: the rows the model learned from,
/// for tables alone. Throws Refused 400 for more than one example, an unknown method or class, and 409 for a row
/// without training rows.
[[nodiscard]] std::string explanation(const ServedModel& model, const Examples& examples, const Request& request,
                                      const data::Dataset* training);

}  // namespace tandem::deploy
