// Runs the program and keeps what it said.
#pragma once
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "tests/testing.h"

namespace tandem::testing {

/// The program that was built beside the tests.
inline const fs::path built_program = fs::canonical("/proc/self/exe").parent_path().parent_path() / "tandem";

struct Said {
  int code = -1;  // 128 + the signal when one ended it
  std::string out, err;

  /// The lines of stderr.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::istringstream in(err);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
};

/// A running program, in `folder`, whose output goes to files there.
class Program {
 public:
  Program(const fs::path& folder, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {}, const fs::path& input = "/dev/null",
          const fs::path& program = built_program)
      : out_(folder / ".out"), err_(folder / ".err") {
    std::vector<std::string> words{program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv, env;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables{"PATH=/usr/bin:/bin", "HOME=" + folder.string(),
                                       "OMP_WAIT_POLICY=passive"};  // tests share a machine
    if (const char* profile = std::getenv("LLVM_PROFILE_FILE"))     // what it runs is counted too: scripts/coverage.sh
      variables.push_back(std::string("LLVM_PROFILE_FILE=") + profile);
    variables.insert(variables.end(), environment.begin(), environment.end());
    for (auto& variable : variables) env.push_back(variable.data());
    env.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    const int in = open(input.c_str(), O_RDONLY), out = open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644),
              err = open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (chdir(folder.c_str()) != 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(99);
    execve(argv[0], argv.data(), env.data());
    _exit(98);
  }
  void signal(int number) const { kill(pid_, number); }
  [[nodiscard]] pid_t process() const { return pid_; }
  [[nodiscard]] const fs::path& err() const { return err_; }
  Said wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(out_), read_text(err_)};
  }

 private:
  fs::path out_, err_;
  pid_t pid_ = -1;
};

inline Said tandem(const Folder& folder, const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment = {}, const fs::path& input = "/dev/null") {
  return Program(folder.path(), arguments, environment, input).wait();
}

}  // namespace tandem::testing
