#include <tandem/data/duplicates.h>

#include <string_view>
#include <unordered_map>

namespace tandem::data {
namespace {

// The bytes of an example; the map compares all of them where hashes are equal.
std::string_view bytes_of(const Dataset& set, int64_t i) {
  const Tensor row = set.pixels().rows(i, i + 1);
  return {static_cast<const char*>(row.bytes()), row.byte_count()};
}

}  // namespace

std::vector<Duplicate> duplicates(const Dataset& set) {
  std::vector<Duplicate> out;
  std::unordered_map<std::string_view, int64_t> seen;
  for (int64_t i = 0; i < set.size(); ++i)
    if (const auto [earlier, fresh] = seen.emplace(bytes_of(set, i), i); !fresh) out.push_back({earlier->second, i});
  return out;
}

std::vector<Duplicate> duplicates(const Dataset& first, const Dataset& second) {
  std::vector<Duplicate> out;
  if (first.size() == 0 || second.size() == 0) return out;
  if (first.pixels().shape().with(0, 1) != second.pixels().shape().with(0, 1)) return out;
  std::unordered_map<std::string_view, int64_t> seen;
  for (int64_t i = 0; i < first.size(); ++i) seen.emplace(bytes_of(first, i), i);
  for (int64_t i = 0; i < second.size(); ++i)
    if (const auto found = seen.find(bytes_of(second, i)); found != seen.end()) out.push_back({found->second, i});
  return out;
}

}  // namespace tandem::data
