#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <tandem/base/error.h>
#include <tandem/data/formats/archive.h>

#include <algorithm>
#include <array>
#include <memory>

namespace tandem::data {
namespace {

struct Free {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Archive = std::unique_ptr<archive, Free>;

/// libarchive turns names into the locale's character set and loses what does not fit: this thread speaks UTF-8
/// meanwhile.
class Utf8Names {
 public:
  Utf8Names() : utf8_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (utf8_) before_ = ::uselocale(utf8_);
  }
  ~Utf8Names() {
    if (!utf8_) return;
    ::uselocale(before_);
    ::freelocale(utf8_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  locale_t utf8_, before_{};
};

const char* reason(archive* a) {
  const char* text = archive_error_string(a);
  return text ? text : "unknown reason";
}

Archive open_archive(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    fail(ErrorKind::file, path.string(), "cannot be opened: {}", error ? error.message() : "it is not a plain file");
  Archive a(archive_read_new());
  if (!a) throw std::bad_alloc();
  // Named one by one: the support-all calls include filters that start other programs.
  archive_read_support_filter_gzip(a.get());
  archive_read_support_filter_bzip2(a.get());
  archive_read_support_filter_xz(a.get());
  archive_read_support_filter_zstd(a.get());
  archive_read_support_format_tar(a.get());
  archive_read_support_format_zip(a.get());
  if (archive_read_open_filename(a.get(), path.c_str(), size_t{1} << 18) != ARCHIVE_OK)
    fail(ErrorKind::data, path.string(), "is no archive that can be read (tar, tar.gz, zip): {}", reason(a.get()));
  return a;
}

std::string name_in(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  if (!name) name = archive_entry_pathname(entry);
  std::string_view text = name ? name : "";
  while (text.starts_with("./")) text.remove_prefix(2);
  return std::string(text);
}

}  // namespace

bool is_archive_name(const fs::path& path) {
  std::string name = path.filename().string();
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::array<std::string_view, 7> endings{".tar",    ".tar.gz",  ".tgz", ".tar.bz2",
                                                    ".tar.xz", ".tar.zst", ".zip"};
  return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

void read_archive(const fs::path& path, const ArchiveMember& member, const ArchiveLimits& limits) {
  const Utf8Names utf8;
  const Archive a = open_archive(path);
  const std::string where = path.string();
  uint64_t total = 0;
  uint64_t members = 0;
  std::vector<uint8_t> piece(size_t{1} << 16);
  for (;;) {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(a.get(), &entry);
    if (code == ARCHIVE_EOF) return;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN)  // a warning: a name or an attribute that does not fit this system
      fail(ErrorKind::data, where, "is damaged after {} members: {}; get the file again", members, reason(a.get()));
    const std::string name = name_in(entry);
    if (++members > limits.members)
      fail(ErrorKind::data, where, "has more than {} members, the most that are read", limits.members);
    if (archive_entry_is_encrypted(entry))
      fail(ErrorKind::data, where, "member '{}' is encrypted: unpack it with its password first", name);

    const bool plain = archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    std::vector<uint8_t> bytes;
    uint64_t size = 0;
    for (;;) {
      const la_ssize_t got = archive_read_data(a.get(), piece.data(), piece.size());
      if (got == 0) break;
      if (got < 0)
        fail(ErrorKind::data, where, "member '{}' is damaged after {} bytes: {}; get the file again", name, size,
             reason(a.get()));
      size += static_cast<uint64_t>(got);
      total += static_cast<uint64_t>(got);
      if (size > limits.member)
        fail(ErrorKind::data, where, "member '{}' unpacks to more than {} bytes, the most that are read of one", name,
             limits.member);
      if (total > limits.total)
        fail(ErrorKind::data, where, "unpacks to more than {} bytes, the most that are read (at member '{}')",
             limits.total, name);
      if (plain) bytes.insert(bytes.end(), piece.begin(), piece.begin() + got);
    }
    if (plain) member(name, std::move(bytes));
  }
}

}  // namespace tandem::data
