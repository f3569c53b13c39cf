#include <fmt/format.h>
#include <tandem/deploy/metrics.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace tandem::deploy {
namespace {

void head(std::string& out, const char* name, const char* type, const char* help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

// Pages in memory stand second in this file.
int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

void Histogram::add(double value) {
  const auto at = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  const std::scoped_lock lock(mutex_);
  ++counts_[static_cast<size_t>(at)];
  sum_ += value;
}

void Histogram::write(std::string& out, const std::string& name, const std::string& labels) const {
  const std::scoped_lock lock(mutex_);
  int64_t below = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    const std::string bound = i < bounds_.size() ? fmt::format("{}", bounds_[i]) : "+Inf";
    out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound, below);
  }
  out += fmt::format("{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name, labels, sum_, below);
}

ModelMetrics& Metrics::model(const std::string& name, const std::string& version) {
  const std::scoped_lock lock(mutex_);
  return models_[{name, version}];
}

void Metrics::request(const std::string& route, int status, double seconds) {
  const std::scoped_lock lock(mutex_);
  Route& r = routes_[route];
  ++r.by_status[status];
  r.seconds.add(seconds);
}

std::string Metrics::text(int64_t connections, int64_t waiting, int64_t texts) const {
  const std::scoped_lock lock(mutex_);
  std::string out;
  head(out, "tandem_requests_total", "counter", "Answered requests by kind and status.");
  for (const auto& [route, r] : routes_)
    for (const auto& [status, count] : r.by_status)
      out += fmt::format("tandem_requests_total{{route=\"{}\",status=\"{}\"}} {}\n", route, status, count);
  head(out, "tandem_request_seconds", "histogram", "From a request that is read to its answer.");
  for (const auto& [route, r] : routes_)
    r.seconds.write(out, "tandem_request_seconds", fmt::format("route=\"{}\"", route));

  const auto each = [&](const char* name, const char* help, auto member) {
    head(out, name, "counter", help);
    for (const auto& [key, m] : models_)
      out += fmt::format("{}{{model=\"{}\",version=\"{}\"}} {}\n", name, key.first, key.second, (m.*member).load());
  };
  each("tandem_examples_total", "Examples that a model answered.", &ModelMetrics::examples);
  each("tandem_batches_total", "Batches that they were answered in.", &ModelMetrics::batches);
  each("tandem_deferred_total", "Examples left to a person.", &ModelMetrics::deferred);
  each("tandem_tokens_total", "Tokens that a language model wrote.", &ModelMetrics::tokens);
  each("tandem_reloads_total", "Model files that went live after the first.", &ModelMetrics::reloads);
  each("tandem_failed_reloads_total", "Model files that were refused; the one before stayed live.",
       &ModelMetrics::failed_reloads);
  const auto histogram = [&](const char* name, const char* help, auto member) {
    head(out, name, "histogram", help);
    for (const auto& [key, m] : models_)
      (m.*member).write(out, name, fmt::format("model=\"{}\",version=\"{}\"", key.first, key.second));
  };
  histogram("tandem_batch_size", "Examples in a batch.", &ModelMetrics::batch_size);
  histogram("tandem_compute_seconds", "What the network took for a batch.", &ModelMetrics::compute_seconds);

  head(out, "tandem_connections", "gauge", "Open connections.");
  out += fmt::format("tandem_connections {}\n", connections);
  head(out, "tandem_waiting_examples", "gauge", "Examples in the queues.");
  out += fmt::format("tandem_waiting_examples {}\n", waiting);
  head(out, "tandem_texts", "gauge", "Texts that language models are writing.");
  out += fmt::format("tandem_texts {}\n", texts);
  head(out, "process_resident_memory_bytes", "gauge", "Memory in use.");
  out += fmt::format("process_resident_memory_bytes {}\n", resident_bytes());
  return out;
}

}  // namespace tandem::deploy
