// The endpoints behind the page: looking at examples, learning from what people say, versions, runs.
#pragma once
#include <tandem/deploy/decisions.h>
#include <tandem/deploy/languages.h>
#include <tandem/deploy/learning.h>
#include <tandem/deploy/models.h>
#include <tandem/deploy/routes.h>
#include <tandem/deploy/run_list.h>
#include <tandem/deploy/sight.h>

#include <map>
#include <mutex>

namespace tandem::deploy {

struct StudioOptions {
  fs::path data_folder = {};        // where data is, for the first time that a run remembers some of its own
  std::vector<fs::path> runs = {};  // folders whose runs are shown
};

class Studio {
 public:
  /// The others outlive it.
  Studio(Models& models, const Languages& languages, Decisions& decisions, StudioOptions options);

  /// Which thread should do it: one that answers while the pen moves, one that explains, or one that learns.
  enum class Pace { quick, thinking, learning };
  [[nodiscard]] static Pace pace_of(Action action);

  /// Does it on the calling thread, and waits for the model where it is asked. One call of a pace at a time. Throws
  /// Refused for what the request got wrong, other errors otherwise.
  [[nodiscard]] Response answer(Action action, const Request& request, const Match& match);
  /// Why the model gives its answer to one example: reasons.h. On the thinking thread.
  [[nodiscard]] Response explain(const Models::Live& live, const Examples& examples, const Request& request);

 private:
  [[nodiscard]] Models::Live model_of(const Match& match) const;
  [[nodiscard]] Learning& learning_of(const Models::Live& live);
  [[nodiscard]] std::shared_ptr<const people::Memory> memory_of(const Models::Live& live);
  [[nodiscard]] std::string models();
  [[nodiscard]] std::string similar(const Models::Live& live, const Examples& examples);
  [[nodiscard]] std::string gone_live(const Models::Live& live, std::string answer);

  Models& models_;
  const Languages& languages_;
  Decisions& decisions_;
  StudioOptions options_;
  RunList runs_;
  std::mutex mutex_;                                                     // of the next two
  std::map<std::string, std::unique_ptr<Learning>> learning_;            // by model
  std::map<std::string, std::shared_ptr<const people::Memory>> memory_;  // by model
  struct Known {
    std::string digest;
    std::unique_ptr<Resemblance> resemblance;
  };
  std::map<std::string, Known> known_;  // by model; only of the thinking thread
};

/// The page itself: one HTML file that needs nothing else.
[[nodiscard]] std::string_view studio_page();

}  // namespace tandem::deploy
