// Asking a person in a terminal: pictures as block characters, answers by keys.
#pragma once
#include <tandem/tensor/tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::cli {

/// A picture, uint8 (h, w, 1 or 3), as text of at most `columns` characters a line: two pixels a character in colour or
/// grey where the terminal takes colour, else one in two characters by brightness.
[[nodiscard]] std::string blocks(const Tensor& picture, bool colour, int64_t columns = 64);

/// One key, or one line where standard input is no terminal; none at its end, and when Ctrl-C was pressed.
[[nodiscard]] std::optional<std::string> ask();

/// The key of each class: its name when all names have one character, else 1 … 9, a, b, …; "" beyond those.
[[nodiscard]] std::vector<std::string> keys_for(const std::vector<std::string>& classes);

/// Who is asked: `given` when it says so, else the name of the user, else "me".
[[nodiscard]] std::string person_or_user(const std::string& given);

}  // namespace tandem::cli
