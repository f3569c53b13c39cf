// The order of the house: includes go down, never up, never in a circle; files stay short enough to read.
#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

// From top to bottom.
const std::vector<std::string> house{"cli",  "deploy", "people", "improve", "train",    "adapt",  "tasks",   "evaluate",
                                     "data", "optim",  "nn",     "ops",     "autograd", "tensor", "kernels", "base"};
// Folders that may see less than the order allows.
const std::map<std::string, std::set<std::string>> narrow{{"data", {"data", "tensor", "base"}},
                                                          {"evaluate", {"evaluate", "data", "ops", "tensor", "base"}},
                                                          {"tensor", {"tensor", "base"}}};
constexpr int longest_file = 620;

/// What is wrong in the folder `root`/tandem, one line each.
std::vector<std::string> complaints(const fs::path& root) {
  std::vector<std::string> out;
  std::map<std::string, std::vector<std::string>> includes;  // file -> files, as "nn/linear.h"
  for (const auto& entry : fs::recursive_directory_iterator(root / "tandem")) {
    const std::string ending = entry.path().extension();
    if (ending != ".h" && ending != ".cpp") continue;
    const std::string file = fs::relative(entry.path(), root / "tandem").string();
    const bool umbrella = file == "tandem.h";
    const std::string folder = file.substr(0, file.find('/'));
    const auto rank = [](const std::string& name) { return std::ranges::find(house, name) - house.begin(); };
    if (!umbrella && rank(folder) == std::ssize(house)) out.push_back(file + ": the folder has no place in the house");
    std::ifstream text(entry.path());
    int lines = 0;
    for (std::string line; std::getline(text, line);) {
      ++lines;
      const size_t hash = line.find_first_not_of(" \t");
      if (hash == std::string::npos || line[hash] != '#') continue;
      const size_t word = line.find_first_not_of(" \t", hash + 1);
      if (word == std::string::npos || line.compare(word, 7, "include") != 0) continue;
      const size_t open = line.find_first_of("<\"", word), close = line.find_first_of(">\"", open + 1);
      if (open == std::string::npos || close == std::string::npos) continue;
      const std::string target = line.substr(open + 1, close - open - 1);
      if (line[open] == '"') out.push_back(file + ": includes \"" + target + "\": write <tandem/...>");
      if (!target.starts_with("tandem/")) continue;
      const std::string to = target.substr(7), to_folder = to.substr(0, to.find('/'));
      includes[file].push_back(to);
      if (!fs::exists(root / target)) out.push_back(file + ": " + target + " does not exist");
      if (umbrella || to_folder == folder) continue;
      const auto limit = narrow.find(folder);
      if (rank(to_folder) < rank(folder) || (limit != narrow.end() && !limit->second.contains(to_folder)))
        out.push_back(file + ": " + folder + " may not include " + target);
    }
    if (lines > longest_file)
      out.push_back(file + ": has " + std::to_string(lines) + " lines, at most " + std::to_string(longest_file));
  }
  std::map<std::string, int> state;  // 1 on the path, 2 done
  const std::function<void(const std::string&)> walk = [&](const std::string& file) {
    state[file] = 1;
    for (const auto& to : includes[file]) {
      if (state[to] == 1) out.push_back(file + ": includes " + to + " in a circle");
      if (state[to] == 0) walk(to);
    }
    state[file] = 2;
  };
  std::vector<std::string> files;
  for (const auto& [file, unused] : includes) files.push_back(file);
  for (const auto& file : files)
    if (state[file] == 0) walk(file);
  return out;
}

TEST(IncludeDirection, HoldsInTheWholeHouse) {
  for (const auto& line : complaints(TANDEM_SOURCE_DIR)) ADD_FAILURE() << line;
}

TEST(IncludeDirection, SeesEachKindOfFault) {
  const Folder root;
  root.write("tandem/base/error.h", "");
  root.write("tandem/nn/up.cpp", "#include <tandem/base/error.h>\n#include <tandem/train/run.h>\n");
  root.write("tandem/train/run.h", "#include \"tandem/base/error.h\"\n");
  root.write("tandem/data/a.h", "#include <tandem/nn/a.h>\n");
  root.write("tandem/nn/a.h", "  #  include <tandem/nn/b.h>\n#include <tandem/nn/gone.h>\n");
  root.write("tandem/nn/b.h", "#include <tandem/nn/a.h>\n");
  root.write("tandem/attic/a.h", "");
  root.write("tandem/cli/long.cpp", std::string(700, '\n'));
  std::string all;
  for (const auto& line : complaints(root.path())) all += line + "\n";
  for (const char* part :
       {"nn/up.cpp: nn may not include tandem/train/run.h", "train/run.h: includes \"tandem/base/error.h\"",
        "data/a.h: data may not include tandem/nn/a.h", "in a circle", "tandem/nn/gone.h does not exist",
        "attic/a.h: the folder has no place", "cli/long.cpp: has 700 lines"})
    EXPECT_NE(all.find(part), std::string::npos) << part << " not in:\n" << all;
}

}  // namespace
}  // namespace tandem::testing
