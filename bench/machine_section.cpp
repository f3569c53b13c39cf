// The machine's own figures, and what everything was built and compared with.
#include <bench/machine.h>
#include <bench/peer.h>
#include <bench/report.h>
#include <fmt/format.h>
#include <dnnl.hpp>

namespace tandem::bench {

std::string machine_section(const Options&) {
  const Machine& m = machine();
  const auto giga = [](double rate) { return rate > 0 ? fmt::format("{:.0f}", rate / 1e9) : std::string("—"); };
  Table table{{"at most", "one core", fmt::format("{} cores", m.cores)}, {}};
  table.rows = {{"fp32 multiply-add, GFLOP/s", giga(m.fp32[0]), giga(m.fp32[1])},
                {"bf16 dot product, GFLOP/s", giga(m.bf16[0]), giga(m.bf16[1])}};
  const char* streams[] = {"memory, reading, GB/s", "memory, b = a, GB/s", "memory, c = a + s b, GB/s",
                           "memory, a = a + s b, GB/s"};
  for (size_t i = 0; i < 4; ++i) table.rows.push_back({streams[i], giga(m.memory[i][0]), giga(m.memory[i][1])});
  std::string peers = "none installed";
  if (const auto python = python_with("torch")) {
    const Peer peer(*python, {(peers_folder() / "versions.py").string()});
    peers = peer.ready()["text"];
  }
  const dnnl_version_t* dnnl = dnnl_version();
  return fmt::format(
      "{}, {} cores, {}. Built by GCC {} with oneDNN {}.{}.{}. Compared with: {}.\n\nThe peaks are the best of seven "
      "short loops that work in registers only; memory is measured on arrays of 192 MiB.\n\n{}",
      m.processor, m.cores, m.instructions, __VERSION__, dnnl->major, dnnl->minor, dnnl->patch, peers,
      table.markdown());
}

}  // namespace tandem::bench
