// Small good models of pictures, texts and tables.
#pragma once
#include <tandem/tasks/classifier.h>
#include <tandem/tensor/safetensors.h>

#include <array>

#include "tests/fuzz/fuzz.h"

namespace tandem::fuzz {

inline tasks::Classifier classifier(const char* network, tasks::Input input) {
  tasks::Classifier model;
  model.net = nn::Sequential::read(Config::parse(network, "fuzz"));
  model.input = std::move(input);
  model.classes = {"a", "b"};
  model.build(Rng(1, "fuzz"));
  return model;
}

inline data::Texts good_texts() { return {"a good film", "a bad film", "good good fun", "not bad, not good"}; }

inline data::Table good_table() {
  return data::read_table(data::Csv::parse("age,sex\n31,F\n?,M\n45,M\n60,F\n", "fuzz", {}),
                          {.types = {{"age", data::ColumnType::number}, {"sex", data::ColumnType::category}}});
}

/// By what they read.
inline std::array<tasks::Classifier, 3> classifiers(const char* of_pictures, tasks::ImageInput pictures) {
  return {classifier(of_pictures, std::move(pictures)),
          classifier("[embedding: 2, pool_sequence: mean, linear: classes]", tasks::fit_input(good_texts(), {})),
          classifier("[linear: 2, tanh, linear: classes]", tasks::fit_input(good_table(), tasks::TableOptions{}))};
}

/// A path in memory, of this process alone.
inline std::string own_path(const char* name) {
  return std::string("/dev/shm/tandem-fuzz-") + name + "-" + std::to_string(::getpid());
}

/// As its file would be read.
inline TensorFile file_of(tasks::Classifier& model) {
  const std::string path = own_path("model");
  model.save(path);
  TensorFile out = read_safetensors(path);
  ::unlink(path.c_str());
  return out;
}

}  // namespace tandem::fuzz
