// Examples as files, with no protocol around them: a picture, a text, CSV, a row as a JSON object.
#pragma once
#include <tandem/deploy/picture.h>
#include <tandem/deploy/served_model.h>

#include <string>
#include <string_view>
#include <vector>

namespace tandem::deploy {

/// Whether a Content-Type says that the body is a file of examples: image/png, image/jpeg, text/plain or text/csv.
/// (application/json may be a row, or the protocol's: read_infer tells them apart.)
[[nodiscard]] bool is_plain(std::string_view type);

/// Reads a file of such a type, or a row as JSON; `form` is for pictures. Throws Refused: 400 when the model takes
/// something else or the file is not what its type says, 413 for what is too large.
[[nodiscard]] Examples read_plain(const ServedModel& model, std::string_view type, std::string_view body, Form form,
                                  int64_t most);

/// Throws Refused 400 for texts that the network cannot be given: bytes that are no UTF-8, no word in it, too long.
void check_texts(const ServedModel& model, const data::Texts& texts);

}  // namespace tandem::deploy
