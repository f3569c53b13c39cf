// What the server counts, in the text form that Prometheus reads (exposition format 0.0.4). Any thread may count.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tandem::deploy {

/// How often values fell below each of a few bounds, and their sum.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);  // rising
  void add(double value);
  /// Lines "NAME_bucket{LABELS,le="0.1"} 3" and so on.
  void write(std::string& out, const std::string& name, const std::string& labels) const;

 private:
  std::vector<double> bounds_;
  mutable std::mutex mutex_;
  std::vector<int64_t> counts_;  // one more than bounds
  double sum_ = 0;
};

/// What is counted for one version of a model.
struct ModelMetrics {
  std::atomic<int64_t> examples = 0, batches = 0, reloads = 0, failed_reloads = 0, deferred = 0, tokens = 0;
  Histogram batch_size{{1, 2, 4, 8, 16, 32, 64, 128, 256}};
  Histogram compute_seconds{{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.1, 1}};
};

/// All of it. Models enter by name and version and stay.
class Metrics {
 public:
  /// The same object each time.
  ModelMetrics& model(const std::string& name, const std::string& version);
  /// An answered request. `route` is a kind ("infer"), never what a client wrote.
  void request(const std::string& route, int status, double seconds);
  /// As of now: open connections, examples in queues, texts that are being written.
  [[nodiscard]] std::string text(int64_t connections, int64_t waiting, int64_t texts) const;

 private:
  struct Route {
    std::map<int, int64_t> by_status;
    Histogram seconds{{5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10}};
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, ModelMetrics> models_;
  std::map<std::string, Route> routes_;
};

}  // namespace tandem::deploy
