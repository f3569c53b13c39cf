// What a training does beside its steps, which is another thing for each task of a recipe: from the data to the
// reports.
#pragma once
#include <tandem/train/run_folder.h>
#include <tandem/train/trainer.h>

#include <map>
#include <memory>
#include <string>

namespace tandem::train {

struct Evaluation;

/// A finished run as people, programs and gates read it.
struct Findings {
  std::string text;                        // for a terminal
  std::string json;                        // report.json
  std::map<std::string, double> figures;   // by the names that gates use
  std::shared_ptr<Evaluation> evaluation;  // of a classification
};

class Job {
 public:
  virtual ~Job() = default;
  /// The data read and the network built, ready to train.
  [[nodiscard]] virtual tasks::Task& task() = 0;
  /// What someone should know of the data before the training.
  [[nodiscard]] virtual std::vector<std::string> remarks() const { return {}; }
  /// After training: fits what the model needs beside its weights, writes the model's file, measures it on the test
  /// part (else the validation part, else the training part) and writes both reports.
  [[nodiscard]] virtual Findings finish(const Trainer& trainer, const RunFolder& folder,
                                        const std::string& command) = 0;
};

/// The job of a recipe's task. The recipe is kept.
[[nodiscard]] std::unique_ptr<Job> make_job(const Recipe& recipe, const fs::path& data_folder);

/// The task of a model file. Throws a data error when it is none of tandem.
[[nodiscard]] std::string task_in(const fs::path& model);

/// The figures that the reports of a recipe's task have.
[[nodiscard]] std::vector<std::string> figure_names(const std::string& task);

/// The network that a recipe starts from, if any.
[[nodiscard]] std::optional<adapt::Base> load_base(const Recipe& recipe);

/// What every report says of a run and of this machine.
[[nodiscard]] evaluate::RunFacts run_facts(const Recipe& recipe, const Trainer& trainer, const RunFolder& folder,
                                           const std::string& command);
/// What every model file says of the run it comes from.
[[nodiscard]] std::map<std::string, std::string> run_notes(const Recipe& recipe, const Trainer& trainer);
/// "2025-03-01 14:05 UTC", now.
[[nodiscard]] std::string date();
/// "2 threads, AVX2".
[[nodiscard]] std::string machine();

}  // namespace tandem::train
