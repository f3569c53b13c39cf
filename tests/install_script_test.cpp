// scripts/install.sh beside a package manager that cannot give what is asked for.
#include <sys/wait.h>

#include <algorithm>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

TEST(InstallScript, SaysInAFewLinesWhatCouldNotBeHad) {
  const Folder home;
  const auto program = [&](const std::string& name, const std::string& text) {
    fs::permissions(home.write("bin/" + name, "#!/bin/sh\n" + text), fs::perms::owner_all);
  };
  program("dpkg-query", "exit 1\n");  // nothing is there
  program("sudo", "exec \"$@\"\n");
  program("apt-get", R"(
case "$1" in
  update) echo 'Err:1 http://mirror.invalid bookworm InRelease' ;;
  install) seq -f 'E: Unable to locate package p%.0f' 20000 ;;
esac
exit 100
)");
  const std::string path = home.path().string();
  const int status =
      std::system(("PATH=" + path + "/bin:/usr/bin:/bin '" TANDEM_SOURCE_DIR "/scripts/install.sh' extra >" + path +
                   "/out 2>" + path + "/err")
                      .c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const std::string out = read_text(home / "out"), err = read_text(home / "err");
  EXPECT_NE(out.find("libdnnl-dev"), std::string::npos) << out;
  EXPECT_NE(out.find("extra"), std::string::npos) << out;
  for (const char* part : {"could not be refreshed", "mirror.invalid", "could not be had", "locate package p1\n"})
    EXPECT_NE(err.find(part), std::string::npos) << part << " not in: " << err;
  EXPECT_LE(std::ranges::count(err, '\n'), 12) << err;
}

}  // namespace
}  // namespace tandem::testing
