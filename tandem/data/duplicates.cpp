#include <tandem/data/duplicates.h>

#include <string>
#include <string_view>
#include <unordered_map>

namespace tandem::data {
namespace {

// What two examples must share to be the same: the bytes of a picture or a text, the values of a row's columns that are
// learned from. The map compares all of it where hashes are equal.
class Contents {
 public:
  explicit Contents(const Dataset& set) : set_(set) {
    if (!set.has_table()) return;
    rows_.resize(static_cast<size_t>(set.size()));
    for (const Column& column : set.table().columns)
      for (int64_t r = 0; column.used && r < set.size(); ++r) rows_[static_cast<size_t>(r)] += column.text(r) + '\0';
  }
  [[nodiscard]] std::string_view of(int64_t i) const {
    if (set_.has_table()) return rows_[static_cast<size_t>(i)];
    if (set_.has_texts()) return set_.texts()[static_cast<size_t>(i)];
    const Tensor row = set_.pixels().rows(i, i + 1);
    return {static_cast<const char*>(row.bytes()), row.byte_count()};
  }

 private:
  const Dataset& set_;
  std::vector<std::string> rows_;
};

}  // namespace

std::vector<Duplicate> duplicates(const Dataset& set) {
  std::vector<Duplicate> out;
  const Contents contents(set);
  std::unordered_map<std::string_view, int64_t> seen;
  for (int64_t i = 0; i < set.size(); ++i)
    if (const auto [earlier, fresh] = seen.emplace(contents.of(i), i); !fresh) out.push_back({earlier->second, i});
  return out;
}

std::vector<Duplicate> duplicates(const Dataset& first, const Dataset& second) {
  std::vector<Duplicate> out;
  if (first.size() == 0 || second.size() == 0) return out;
  if (first.inputs.index() != second.inputs.index()) return out;
  if (first.has_pictures() && first.pixels().shape().with(0, 1) != second.pixels().shape().with(0, 1)) return out;
  const Contents known(first), asked(second);
  std::unordered_map<std::string_view, int64_t> seen;
  for (int64_t i = 0; i < first.size(); ++i) seen.emplace(known.of(i), i);
  for (int64_t i = 0; i < second.size(); ++i)
    if (const auto found = seen.find(asked.of(i)); found != seen.end()) out.push_back({found->second, i});
  return out;
}

}  // namespace tandem::data
