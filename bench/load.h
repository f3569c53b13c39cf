// A load generator: keeps a few connections to a server of this machine busy, one request at a time on each, and looks at
// every answer.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::bench {

struct LoadOptions {
  uint16_t port = 0;  // of 127.0.0.1
  int connections = 16;
  double seconds = 5;
  int64_t requests = 0;  // ends earlier when so many were answered; 0: does not
};

struct Load {
  int64_t answered = 0;  // with 200
  int64_t refused = 0;   // with another status
  int64_t wrong = 0;     // of the answered
  int64_t broken = 0;    // connections that ended before the answer
  double seconds = 0;
  std::vector<double> latencies;  // seconds, of every request
  [[nodiscard]] double rate() const { return static_cast<double>(answered) / seconds; }
  [[nodiscard]] bool clean() const { return refused + wrong + broken == 0; }
};

/// Whether the answer to request number `i` is right.
using Check = std::function<bool(size_t i, std::string_view header, std::string_view body)>;

/// Sends `requests` (whole HTTP messages) again and again. Throws when the server cannot be reached.
[[nodiscard]] Load load(const LoadOptions& options, std::span<const std::string> requests, const Check& right);

/// A POST of `body`; `headers` are whole lines that end in "\r\n".
[[nodiscard]] std::string post(const std::string& path, const std::string& headers, std::string_view body);

}  // namespace tandem::bench
