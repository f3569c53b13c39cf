// The page that the bench writes: sections of text and tables, and plots as SVG.
#pragma once
#include <tandem/base/files.h>

#include <string>
#include <vector>

namespace tandem::bench {

struct Options {
  bool quick = false;  // fewer pairs, sizes and rows: under a minute for all of it
  fs::path pictures;   // where plots go; empty: none are written
  double soak = 600;   // seconds of steady load on the server
  std::string rows;    // only workloads and operations whose name contains it; the page stays as it is
};

/// A table in Markdown; all columns but the first are right-aligned.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  [[nodiscard]] std::string markdown() const;
};

/// Replaces the section `## title` of the page by `text`, or puts it at its place in `order`; other sections stay.
[[nodiscard]] std::string with_section(const std::string& page, const std::vector<std::string>& order,
                                       const std::string& title, const std::string& text);

struct Curve {
  std::string name;
  std::vector<double> x, y;
};
/// Both axes logarithmic. Reads well on light and dark pages.
[[nodiscard]] std::string plot(const std::string& title, const std::string& x_label, const std::string& y_label,
                               const std::vector<Curve>& curves);

/// "1.23 ms", "45.6 µs".
[[nodiscard]] std::string time_text(double seconds);
[[nodiscard]] std::string percent(double share);

// One topic a file: each measures and returns the Markdown of its section.
[[nodiscard]] std::string machine_section(const Options& options);
[[nodiscard]] std::string training_section(const Options& options);
[[nodiscard]] std::string inference_section(const Options& options);
[[nodiscard]] std::string generation_section(const Options& options);
[[nodiscard]] std::string kernels_section(const Options& options);
[[nodiscard]] std::string growth_section(const Options& options);
[[nodiscard]] std::string journey_section(const Options& options);
[[nodiscard]] std::string serving_section(const Options& options);
[[nodiscard]] std::string search_section(const Options& options);

}  // namespace tandem::bench
