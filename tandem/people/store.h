// What was decided in service and what people said to it: one SQLite file beside the model.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tandem::people {

/// An answer that was given. Times are UTC: "2026-11-25T08:15:00.123Z".
struct Decision {
  int64_t id = 0;                          // the store gives it
  std::string time = {};                   // "": now
  std::string model = {};                  // its name
  int64_t version = 0;                     // of the model: people/versions.h
  std::string subject = {};                // whose input it is, as a name or a pseudonym; "": nobody's
  std::string media_type = {};             // of the input: image/png, text/plain, application/json
  std::vector<uint8_t> input = {};         // as the network takes it; empty when it is not to be kept
  std::string label = {};                  // the answer
  double probability = 0;                  // of the answer
  std::vector<double> probabilities = {};  // of every class, in the model's order
  bool deferred = false;                   // left to a person
  std::string reason = {};                 // why
  std::string explanation = {};            // in words
};

/// What a person says of a decision: that it should have been `label`, which may be the decision's own.
struct Correction {
  int64_t id = 0;           // the store gives it
  int64_t decision = 0;     // the id of what it is about
  std::string time = {};    // "": now
  std::string person = {};  // who says so; must not be empty
  std::string label = {};   // must not be empty
  std::string note = {};
  double trust = -1;    // how likely it is right, 0 … 1, as learning saw it last; -1: not looked at yet
  int64_t version = 0;  // the version that learned it first; 0: none yet
};

/// What became of an attempt to learn.
enum class Outcome {
  nothing_new,    // no correction that learning has not looked at
  none_believed,  // none is more likely right than wrong
  all_known,      // the network gives these answers already
  learned,        // it went live
  not_learned,    // it did not take the corrections in, and was rolled back
  forgot          // it lost too much of what it knew, and was rolled back
};
[[nodiscard]] const char* name_of(Outcome outcome);  // as the enumerators are written

/// An attempt to learn from corrections: people/learn.h.
struct Update {
  int64_t id = 0;
  std::string time = {};
  int64_t from = 0, to = 0;  // versions; `to` is 0 when it did not go live
  int64_t corrections = 0, set_aside = 0;
  double accuracy_before = 0, accuracy_after = 0;  // on the examples held back
  double asked = 0;                                // the least accuracy there with which it may go live
  Outcome outcome = Outcome::nothing_new;
};
[[nodiscard]] std::string words_of(const Update& update);  // what became of it, as a sentence

/// Any number of threads of any number of processes may use a store at once. Throws file and data errors with the path.
class Store {
 public:
  /// Opens the file or makes it, and brings an older form of it up to this program's. A file of a newer program is
  /// refused.
  explicit Store(const fs::path& path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Keeps decisions and returns their ids, in order. They survive the end of this process at once, and that of the
  /// machine from the next correction or after a moment.
  std::vector<int64_t> add(std::span<const Decision> decisions);
  int64_t add(const Decision& decision) { return add(std::span(&decision, 1)).front(); }
  /// Throws a usage error when there is none of that id.
  [[nodiscard]] Decision decision(int64_t id);
  /// Deferred and not answered by anybody, oldest first, without their inputs.
  [[nodiscard]] std::vector<Decision> waiting(int64_t most = 100);
  [[nodiscard]] int64_t decisions();  // how many

  /// Keeps a correction and returns its id. When it returns, the correction is on the disk. Throws a usage error for an
  /// unknown decision, no person or no label. What a person said before of the same decision is kept; the last word
  /// counts.
  int64_t correct(const Correction& correction);
  /// All corrections by id; with `unlearned`, those that learning has not looked at yet.
  [[nodiscard]] std::vector<Correction> corrections(bool unlearned = false);
  /// Keeps the outcome of an update, and what it thought of each correction (id, trust; version 0 leaves it unlearned
  /// by a version), in one step.
  int64_t add(const Update& update, std::span<const Correction> seen);
  [[nodiscard]] std::vector<Update> updates();  // oldest first

  /// All that is kept of a person, as JSON: the decisions on their inputs (pictures in base64) with what was said to
  /// them, and what they said to others'.
  [[nodiscard]] std::string records_of(const std::string& person);
  /// Deletes exactly that, from the file and its log; returns how many rows. A network that learned from it stays as it
  /// is: train it anew, or restore an earlier version.
  int64_t forget(const std::string& person);

  /// The form of the file this program writes.
  [[nodiscard]] static int64_t schema_version();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Now, as the store writes it.
[[nodiscard]] std::string utc_now();

}  // namespace tandem::people
