// Names of files: moved, given twice, and those that are left behind.
#pragma once
#include <tandem/base/files.h>

namespace tandem {

/// Gives the file `from` the name `to`, in place of what had it, in one step that a crash does not undo.
void move_file(const fs::path& from, const fs::path& to);

/// Makes `to` another name of the file `from`, likewise in one step; a copy where the file system gives no second
/// names. Files that write_file() replaces keep what their other names show.
void copy_name(const fs::path& from, const fs::path& to);

/// Removes what write_file() left in `folder` in processes that are no more.
void remove_parts(const fs::path& folder);

}  // namespace tandem
