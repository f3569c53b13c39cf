// What the tests share: temporary folders and expected errors.
#pragma once
#include <gtest/gtest.h>
#include <tandem/base/error.h>
#include <tandem/base/files.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace tandem::testing {

/// A folder that is removed with everything in it.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tandem-test-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

  /// Writes a file, and the folders above it.
  fs::path write(const std::string& name, std::string_view text) const {
    return write(name, std::vector<uint8_t>(text.begin(), text.end()));
  }
  fs::path write(const std::string& name, const std::vector<uint8_t>& bytes) const {
    const fs::path path = path_ / name;
    fs::create_directories(path.parent_path());
    write_file(path, bytes);
    return path;
  }

 private:
  fs::path path_;
};

/// What this process takes of the system's memory from now on, at most.
class PeakMemory {
 public:
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr bool counts = false;  // these keep what was freed
#else
  static constexpr bool counts = true;
#endif
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    before_ = bytes("VmRSS");
  }
  [[nodiscard]] int64_t grown() const { return bytes("VmHWM") - before_; }

 private:
  static int64_t bytes(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with(name + ":")) return 1024 * std::stoll(line.substr(name.size() + 1));
    return 0;
  }
  int64_t before_ = 0;
};

/// Runs fn, which must throw an Error of this kind whose message holds every one of `parts`.
template <class Fn>
void expect_error(ErrorKind kind, const std::vector<std::string>& parts, Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << text;
    for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' not in: " << text;
    return;
  }
  ADD_FAILURE() << "no error; expected one with '" << (parts.empty() ? "" : parts.front()) << "'";
}

}  // namespace tandem::testing
