// The endpoints behind the page: looking at pictures, what people say, learning, versions, runs.
#pragma once
#include <tandem/deploy/feedback.h>
#include <tandem/deploy/models.h>
#include <tandem/deploy/routes.h>
#include <tandem/deploy/run_list.h>
#include <tandem/deploy/sight.h>

#include <map>
#include <mutex>

namespace tandem::deploy {

struct StudioOptions {
  fs::path data_folder = {};     // where data is, for the first time that a run remembers some of its own
  bool keep_inputs = true;       // false: pictures are never written down
  std::vector<fs::path> runs = {};  // folders whose runs are shown
};

class Studio {
 public:
  /// `models` outlive it.
  Studio(Models& models, StudioOptions options);

  /// Which thread should do it: one that answers while the pen moves, one that explains, or one that learns.
  enum class Pace { quick, thinking, learning };
  [[nodiscard]] static Pace pace_of(Action action);

  /// Does it on the calling thread, and waits for the model where it is asked. One call of a pace at a time. Throws
  /// Refused for what the request got wrong, other errors otherwise.
  [[nodiscard]] Response answer(Action action, const Request& request, const Match& match);

  /// Puts the deferred ones of n answered examples into the queue of the model's run: `pixels` (n, h, w, c), 0 … 255.
  /// Belongs on the quick thread.
  void keep(const Models::Live& live, std::span<const float> pixels, const Answer& answer);

 private:
  [[nodiscard]] Models::Live model_of(const Match& match) const;
  [[nodiscard]] Feedback& feedback_of(const Models::Live& live);
  [[nodiscard]] std::string models();
  [[nodiscard]] std::string similar(const Models::Live& live, const Picture& picture);
  [[nodiscard]] std::string gone_live(const Models::Live& live, std::string answer);

  Models& models_;
  StudioOptions options_;
  RunList runs_;
  std::mutex mutex_;  // of feedback_
  std::map<fs::path, std::unique_ptr<Feedback>> feedback_;  // by run
  struct Known {
    std::string digest;
    std::unique_ptr<Resemblance> resemblance;
  };
  std::map<std::string, Known> known_;  // by model; of the thinking thread
};

/// The page itself: one HTML file that needs nothing else.
[[nodiscard]] std::string_view studio_page();

}  // namespace tandem::deploy
