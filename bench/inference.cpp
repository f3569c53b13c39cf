#include <bench/report.h>
namespace tandem::bench {
std::string inference_section(const Options&) { return "not yet\n"; }
}  // namespace tandem::bench
