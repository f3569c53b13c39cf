// A search for the best recipe: a folder with its trials, which goes on whenever somebody works on it.
#pragma once
#include <tandem/improve/sampler.h>
#include <tandem/improve/study.h>
#include <tandem/train/run.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tandem::improve {

/// The files of a search. Names count up: searches/digits, searches/digits-2.
struct SearchFolder {
  fs::path path;

  [[nodiscard]] static SearchFolder create(const fs::path& searches, const std::string& name);
  /// Throws a file error when `path` is no search.
  [[nodiscard]] static SearchFolder open(const fs::path& path);
  [[nodiscard]] fs::path recipe() const { return path / "search.yaml"; }
  [[nodiscard]] fs::path trials() const { return path / "trials.sqlite"; }
  [[nodiscard]] fs::path checkpoint(int64_t trial) const;
  [[nodiscard]] fs::path best() const { return path / "best.yaml"; }
  [[nodiscard]] fs::path front(int64_t trial) const;  // of several objectives
  [[nodiscard]] fs::path page() const { return path / "search.html"; }
};

/// What the caller may hear and say while a search runs; each may be empty.
struct SearchHooks {
  std::function<void(const Trial&, const train::Progress&)> step{};
  std::function<void(const std::vector<Trial>&)> changed{};  // a trial began, or ended for now
  std::function<bool()> stop{};                              // asked after every step and while waiting for others
};

enum class SearchOutcome { done, interrupted };

class Search {
 public:
  /// `config` is the recipe with its search: section. Throws a usage error for what is wrong with it.
  Search(SearchFolder folder, const Config& config, fs::path data_folder);

  /// Works on the trials, alone or beside other processes, until there is nothing left to do or hooks.stop says so.
  /// A trial that diverges, has no valid network or runs out of memory is recorded as failed; what is wrong with all of
  /// them (data that cannot be read, a full disk) is thrown.
  SearchOutcome run(const SearchHooks& hooks);

  [[nodiscard]] std::vector<Trial> trials() { return study_.trials(); }
  [[nodiscard]] const SearchOptions& options() const { return options_; }
  [[nodiscard]] const std::vector<Objective>& objectives() const { return objectives_; }
  [[nodiscard]] const SearchFolder& folder() const { return folder_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// The recipe of a trial, whole, with a remark on where it comes from.
  [[nodiscard]] std::string recipe_of(const Trial& trial) const;
  /// best.yaml, and front/ when there are several objectives. Nothing while no trial has a result.
  void write_best(const std::vector<Trial>& trials) const;

 private:
  [[nodiscard]] Trial fresh(const std::vector<Trial>& trials) const;
  void train(const Trial& trial, const SearchHooks& hooks);
  [[nodiscard]] const data::Splits& data_of(const train::Recipe& recipe);

  SearchFolder folder_;
  Config config_;
  fs::path data_folder_;
  SearchOptions options_;
  std::vector<Objective> objectives_;
  std::unique_ptr<Sampler> sampler_;
  Study study_;
  std::string name_;
  std::string data_key_;  // what data_ was loaded for
  data::Splits data_;
};

/// What is known of a whole search, as JSON: options, trials, the best, the front.
[[nodiscard]] std::string search_json(const Search& search, const std::vector<Trial>& trials);

}  // namespace tandem::improve
