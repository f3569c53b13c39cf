// SQLite as this house uses it: one file, statements with values, our errors.
#pragma once
#include <tandem/base/files.h>

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace tandem::sql {

/// A value bound to a `?` of a statement; nullptr is NULL.
using Value = std::variant<std::nullptr_t, int64_t, double, std::string, std::vector<uint8_t>>;

/// The row a statement stands at. Columns count from 0; NULL reads as 0 or as empty.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  [[nodiscard]] int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::vector<uint8_t> bytes(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// One connection, for one thread at a time. Other processes may write to the same file: it waits for them up to ten
/// seconds. A broken file is a data error, anything else that fails a file error, both with the path.
class Database {
 public:
  /// Opens the file or makes it. Write-ahead log; deleted content is overwritten.
  explicit Database(const fs::path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// One statement with its values; `row` is called for each row of the answer.
  void run(const std::string& sql, const std::vector<Value>& values = {},
           const std::function<void(const Row&)>& row = {});
  /// Several statements without values.
  void script(const std::string& sql);
  /// The first number of the first row; 0 when there is none.
  [[nodiscard]] int64_t number(const std::string& sql, const std::vector<Value>& values = {});
  [[nodiscard]] int64_t last_id() const;  // of the row inserted last
  [[nodiscard]] int64_t changed() const;  // rows by the last statement

  /// Whether a commit returns only when it is on the disk (true) or when it survives the end of this process, but not
  /// of the machine (false: much quicker). Not inside a transaction.
  void sync_commits(bool on);

 private:
  [[nodiscard]] sqlite3_stmt* prepare(const std::string& sql);
  [[noreturn]] void fail_now(const std::string& doing) const;

  fs::path path_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, sqlite3_stmt*> statements_;  // prepared once
  int syncing_ = -1;
};

/// All or nothing: what is not committed at its end is taken back.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.run("BEGIN IMMEDIATE"); }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace tandem::sql
