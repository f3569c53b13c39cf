// A model file as it serves: loaded, checked, laid out for prediction, and never changed again.
#pragma once
#include <tandem/deploy/examples.h>
#include <tandem/tasks/classifier.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tandem::deploy {

/// What the network says of n examples. Verdicts are there when the model has confidence.
struct Answer {
  std::vector<float> probabilities;  // (n, classes)
  std::vector<evaluate::Verdict> verdicts;
};

class ServedModel {
 public:
  /// Loads the file and lets it answer once. Throws what Classifier::load throws, a data error when the answer is not
  /// finite, and a file error when the file changes meanwhile. `version` "": the one that learning wrote into the file,
  /// else "1".
  [[nodiscard]] static std::shared_ptr<const ServedModel> load(const fs::path& file, const std::string& name,
                                                               const std::string& version);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  /// The first 16 hex digits of the file's SHA-256: what exactly answered.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] const tasks::Classifier& model() const { return model_; }
  [[nodiscard]] int64_t classes() const { return static_cast<int64_t>(model_.classes.size()); }
  /// How cells become the rows of a model for tables: types of its columns, and what stands for no value.
  [[nodiscard]] const data::TableOptions& reading() const { return reading_; }

  /// The same answers as `tandem predict`. From one thread at a time. Throws a numeric error when a probability is not
  /// finite.
  [[nodiscard]] Answer predict(const Examples& examples) const;

 private:
  ServedModel() = default;
  [[nodiscard]] tasks::Batch batch_of(const Examples& examples, int64_t first, int64_t last) const;

  std::string name_, version_, digest_;
  tasks::Classifier model_;
  nn::Sequential ready_;  // nn::for_inference(model_.net)
  data::TableOptions reading_;
};

/// Example `index` alone. Labels are not looked at.
[[nodiscard]] data::Dataset set_of(const ServedModel& model, const Examples& examples, int64_t index = 0);

/// The first 16 hex digits of the SHA-256 of a file.
[[nodiscard]] std::string digest_of(const fs::path& file);

}  // namespace tandem::deploy
