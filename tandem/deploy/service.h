// What the server answers: requests in, answers out, between the two the models.
#pragma once
#include <tandem/deploy/decisions.h>
#include <tandem/deploy/languages.h>
#include <tandem/deploy/models.h>
#include <tandem/deploy/protocol.h>
#include <tandem/deploy/routes.h>
#include <tandem/deploy/studio.h>
#include <tandem/deploy/worker.h>
#include <tandem/deploy/writers.h>

#include <atomic>

namespace tandem::deploy {

struct ServiceOptions {
  Access access;
  bool local = true;                                                        // listens on this machine alone
  int64_t most_examples = 1024;                                             // in a request
  std::function<void(const std::string&)> say = [](const std::string&) {};  // for the one who runs it; any thread
  std::function<int64_t()> connections = [] { return int64_t{0}; };
  StudioOptions studio = {};
  WritingOptions writing = {};
};

class Service {
 public:
  /// The others outlive it.
  Service(Models& models, Languages& languages, Decisions& decisions, Metrics& metrics, ServiceOptions options);

  /// A Handler: answers at once or from another thread.
  void handle(Request request, const Respond& respond);
  /// Reads all files again, in the background; says how that went.
  void reload();
  /// From now on the server is not ready, so that a load balancer turns elsewhere.
  void drain() { draining_ = true; }
  /// Answers what is under way. Before the server that gave the Respond functions ends.
  void stop();

 private:
  struct Call {
    Request request;
    Respond respond;  // counts, then answers
    Match match;
  };
  using Shared = std::shared_ptr<Call>;

  void admit(const Call& call) const;
  void dispatch(const Shared& call);
  void infer(const Shared& call);
  void explain(const Shared& call);
  void write(const Shared& call);
  void load(const Shared& call);
  void store(const Shared& call);
  void submit(const Shared& call, const Models::Live& live, InferRequest request);
  void ask_studio(const Shared& call);
  void later(Worker& worker, const Shared& call, std::function<void()> task);
  void guarded(const Shared& call, const std::function<void()>& task);
  [[nodiscard]] Models::Live model_of(const Call& call) const;
  [[nodiscard]] std::string metadata(const Models::Live& live) const;
  [[nodiscard]] std::string index() const;

  Models& models_;
  Languages& languages_;
  Decisions& decisions_;
  Metrics& metrics_;
  ServiceOptions options_;
  std::atomic<bool> draining_ = false;
  Studio studio_;
  Worker quick_{64}, worker_{64}, learner_{8};
  Writers writers_;
};

}  // namespace tandem::deploy
