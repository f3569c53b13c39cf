// Which answers are kept for people, and what they say of them: the stores of the runs in service.
#pragma once
#include <tandem/deploy/models.h>
#include <tandem/deploy/protocol.h>
#include <tandem/people/store.h>

#include <map>
#include <string>

namespace tandem::deploy {

/// `none`; what people correct on the page; what is deferred to them too; all.
enum class Keep { none, corrected, deferred, all };

/// Any number of threads may use it.
class Decisions {
 public:
  /// Opens the store of each model's run, RUN/people.sqlite. Throws a usage error when what is deferred is to be kept
  /// of a model that is no run folder, and what opening a store throws.
  Decisions(Keep keep, const std::vector<ModelSource>& sources);

  /// Whether some answers are kept without being asked for.
  [[nodiscard]] bool keeping() const { return keep_ >= Keep::deferred; }
  /// Keeps what is to be kept of an answer; returns one number an example, 0 for those that are not kept. They are none
  /// when nothing is kept at all.
  [[nodiscard]] std::vector<int64_t> keep(const ServedModel& model, const InferRequest& request, const Answer& answer);

  /// Keeps the one example of a request, whatever `keep` says but `none`; returns its number.
  [[nodiscard]] int64_t add(const ServedModel& model, const InferRequest& request, const Answer& answer);
  /// Throws Refused 404 for a model of which nothing is kept.
  [[nodiscard]] people::Store& store_of(const ServedModel& model);

  /// Bodies of answers, in JSON. Throw Refused: 404 for an unknown decision or a model of which nothing is kept, 400
  /// for a body that is no feedback, or a label that is no class. `body`: {"decision": 12, "label": "7", "person":
  /// "ada", "note": ""}; on the disk when it returns.
  [[nodiscard]] std::string feedback(const ServedModel& model, const std::string& body);
  [[nodiscard]] std::string waiting(const ServedModel& model);
  [[nodiscard]] std::string decision(const ServedModel& model, const std::string& id);

 private:
  Keep keep_;
  std::map<std::string, people::Store> stores_;  // by the model's name
};

}  // namespace tandem::deploy
