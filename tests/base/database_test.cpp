#include <tandem/base/database.h>

#include "tests/testing.h"

namespace tandem::sql {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;

TEST(Database, WhatIsNotCommittedIsTakenBack) {
  const Folder folder;
  Database db(folder / "x.sqlite");
  db.script("CREATE TABLE t (x INTEGER)");
  {
    Transaction all(db);
    db.run("INSERT INTO t VALUES (?)", {int64_t{1}});
  }
  EXPECT_EQ(db.number("SELECT count(*) FROM t"), 0);
  expect_error(ErrorKind::file, {"x.sqlite", "refuses", "no such table"}, [&] { db.run("INSERT INTO u VALUES (1)"); });
}

}  // namespace
}  // namespace tandem::sql
