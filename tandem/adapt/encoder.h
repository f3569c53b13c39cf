// Any saved network that reads texts, as one that gives a vector for each.
#pragma once
#include <tandem/base/files.h>
#include <tandem/tasks/text_encoder.h>

namespace tandem::adapt {

/// Of a model file of a classifier of texts or of a language model, or of a folder that Checkpoint reads; of a BERT
/// without an answer, what it gives: the pooler's vector, or that of [CLS]. Throws a usage error when the network reads
/// something else.
[[nodiscard]] tasks::TextEncoder load_encoder(const fs::path& model);

}  // namespace tandem::adapt
