// TensorBoard's event files: its curves of a run, without TensorBoard.
#pragma once
#include <tandem/base/files.h>
#include <tandem/evaluate/page.h>

#include <string>
#include <utility>
#include <vector>

namespace tandem::train {

/// One record of the format: length (uint64, little-endian), masked CRC-32C of it, the bytes, masked CRC-32C of them.
[[nodiscard]] std::string event_record(const std::string& bytes);

/// An Event (tensorflow/core/util/event.proto) with the format's version, as a file starts; and one with scalars.
[[nodiscard]] std::string version_event(double wall_time);
[[nodiscard]] std::string scalar_event(double wall_time, int64_t step,
                                       const std::vector<std::pair<std::string, double>>& scalars);

/// Brings the event file in `folder` up to date: one event an epoch of `history`, behind those it has. Made when there
/// is none (events.out.tfevents.TIME.tandem); half a record at its end, from a crash, is cut off.
void append_events(const fs::path& folder, const std::vector<evaluate::EpochPoint>& history);

}  // namespace tandem::train
