// What a run keeps of its data, so that it can go on learning where its data is not.
#pragma once
#include <tandem/train/run.h>

namespace tandem::people {

struct Memory {
  data::Dataset replay;     // of the training part: what must not be forgotten
  data::Dataset held_back;  // of the validation part: never trained on, decides whether an update goes live
};

struct MemoryOptions {
  int64_t replay = 4000, held_back = 4000;  // at most that many examples, each class giving its share
};

/// Chooses from the parts; throws a data error when either is empty.
[[nodiscard]] Memory remember(const data::Dataset& train, const data::Dataset& validation, uint64_t seed,
                              const MemoryOptions& options = {});

void save(const Memory& memory, const fs::path& path);
[[nodiscard]] Memory load_memory(const fs::path& path);

/// The memory of a run; the first time it is made from the run's data, which must then be in `data_folder`.
[[nodiscard]] Memory memory_of(const train::RunFolder& run, const fs::path& data_folder);

}  // namespace tandem::people
