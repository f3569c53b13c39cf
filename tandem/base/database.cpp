#include <sqlite3.h>
#include <tandem/base/error.h>
#include <tandem/base/database.h>

namespace tandem::sql {

int64_t Row::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Row::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string Row::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text ? std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}
std::vector<uint8_t> Row::bytes(int column) const {
  const auto* bytes = static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
  return bytes ? std::vector<uint8_t>(bytes, bytes + sqlite3_column_bytes(statement_, column)) : std::vector<uint8_t>();
}

Database::Database(const fs::path& path) : path_(path) {
  const int code = sqlite3_open_v2(path.c_str(), &handle_,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  try {
    if (code != SQLITE_OK) fail_now("cannot be opened");
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, 10'000);
    script("PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;");
    sync_commits(true);
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

void Database::fail_now(const std::string& doing) const {
  const int code = sqlite3_errcode(handle_) & 0xff;
  const char* reason = handle_ ? sqlite3_errmsg(handle_) : "out of memory";
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    fail(ErrorKind::data, path_.string(), "is no sound database ({}): put a copy of it back, or move it away", reason);
  fail(ErrorKind::file, path_.string(), "{}: {}", doing, reason);
}

sqlite3_stmt* Database::prepare(const std::string& sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (!statement && sqlite3_prepare_v3(handle_, sql.c_str(), static_cast<int>(sql.size() + 1),
                                       SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    fail_now(fmt::format("refuses '{}'", sql));
  return statement;
}

void Database::run(const std::string& sql, const std::vector<Value>& values,
                   const std::function<void(const Row&)>& row) {
  sqlite3_stmt* statement = prepare(sql);
  struct Reset {  // a statement that stands at a row holds a lock
    sqlite3_stmt* statement;
    ~Reset() {
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
  } const reset{statement};
  for (int i = 0; i < static_cast<int>(values.size()); ++i) {
    const Value& value = values[static_cast<size_t>(i)];
    int code = SQLITE_OK;  // the values outlive the statement's run: SQLite need not copy them
    if (const auto* number = std::get_if<int64_t>(&value))
      code = sqlite3_bind_int64(statement, i + 1, *number);
    else if (const auto* real = std::get_if<double>(&value))
      code = sqlite3_bind_double(statement, i + 1, *real);
    else if (const auto* text = std::get_if<std::string>(&value))
      code = sqlite3_bind_text64(statement, i + 1, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    else if (const auto* bytes = std::get_if<std::vector<uint8_t>>(&value))
      code = sqlite3_bind_blob64(statement, i + 1, bytes->data(), bytes->size(), SQLITE_STATIC);
    if (code != SQLITE_OK) fail_now("takes no such value");
  }
  int code = 0;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW)
    if (row) row(Row(statement));
  if (code != SQLITE_DONE) fail_now("cannot be read or written");
}

void Database::script(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail_now("cannot be read or written");
}

int64_t Database::number(const std::string& sql, const std::vector<Value>& values) {
  int64_t out = 0;
  bool first = true;
  run(sql, values, [&](const Row& row) {
    if (first) out = row.integer(0);
    first = false;
  });
  return out;
}

int64_t Database::last_id() const { return sqlite3_last_insert_rowid(handle_); }
int64_t Database::changed() const { return sqlite3_changes64(handle_); }

void Database::sync_commits(bool on) {
  if (syncing_ == (on ? 1 : 0)) return;
  script(on ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  syncing_ = on ? 1 : 0;
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const Error&) {
    // SQLite has taken it back already, which is what was wanted.
    open_ = false;
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace tandem::sql
