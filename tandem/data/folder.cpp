#include <tandem/base/checked.h>
#include <tandem/base/text.h>
#include <tandem/base/threads.h>
#include <tandem/data/folder.h>
#include <tandem/data/formats/archive.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <tandem/data/labels.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <set>

namespace tandem::data {
namespace {

constexpr std::array<std::string_view, 3> part_names{"train", "validation", "test"};
constexpr uint64_t max_file_bytes = uint64_t{1} << 28;

/// 0 … 2 for train, validation, test; -1 for any other name.
int part_of(std::string_view folder) {
  if (folder == "val" || folder == "valid") folder = "validation";
  const auto found = std::ranges::find(part_names, folder);
  return found == part_names.end() ? -1 : static_cast<int>(found - part_names.begin());
}

/// Images by where they lie: {part, class} to their paths in order. An empty list is a class folder without images.
struct Listing {
  std::array<std::map<std::string, std::vector<std::string>>, 3> parts;
  std::string where;
  std::function<std::vector<uint8_t>(const std::string& path)> read;
};

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> out;
  for (const auto& part : fs::path(path))
    if (!part.empty() && part != ".") out.push_back(part.string());
  return out;
}

// A link to a folder that it lies in: what is there would be read once more, under other names.
bool leads_back_up(const fs::directory_entry& entry) {
  std::error_code error;
  if (!entry.is_symlink(error)) return false;
  const fs::path to = fs::weakly_canonical(entry.path(), error),
                 from = fs::weakly_canonical(entry.path().parent_path(), error);
  return std::mismatch(to.begin(), to.end(), from.begin(), from.end()).first == to.end();
}

bool hidden(const std::vector<std::string>& path) {
  return std::ranges::any_of(path, [](const auto& part) { return part.starts_with(".") || part == "__MACOSX"; });
}

enum class FileType { image, unread_image, other };

FileType type_of(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending == ".png" || ending == ".jpg" || ending == ".jpeg") return FileType::image;
  constexpr std::array<std::string_view, 8> others{".bmp", ".gif", ".webp", ".tif", ".tiff", ".heic", ".avif", ".ppm"};
  return std::ranges::find(others, ending) == others.end() ? FileType::other : FileType::unread_image;
}

/// Sorts `files` (and, from a folder, `folders`) into parts and classes.
void arrange(Listing& listing, std::vector<std::string> files, const std::vector<std::string>& folders) {
  std::ranges::sort(files);
  std::vector<std::vector<std::string>> paths;
  for (const auto& file : files) paths.push_back(components(file));
  // Folders that hold everything (an archive made of one folder) are not classes.
  size_t top = 0;
  const auto shared = [&] {
    return std::ranges::all_of(paths, [&](const auto& path) {
      return path.size() >= top + 3 && path[top] == paths.front()[top] && part_of(path[top]) < 0;
    });
  };
  while (!paths.empty() && shared()) ++top;
  const bool has_parts =
      std::ranges::any_of(paths, [&](const auto& path) { return path.size() >= top + 3 && part_of(path[top]) >= 0; });

  const auto place = [&](const std::vector<std::string>& path, size_t below) -> std::vector<std::string>* {
    const int part = has_parts && path.size() > top ? part_of(path[top]) : 0;
    const size_t class_at = top + (has_parts ? 1 : 0);
    if (part < 0 || path.size() < class_at + 1 + below) return nullptr;
    return &listing.parts[static_cast<size_t>(part)][path[class_at]];
  };
  for (const auto& folder : folders) {
    const auto path = components(folder);
    if (path.size() == top + (has_parts ? 2 : 1)) place(path, 0);
  }
  for (size_t i = 0; i < files.size(); ++i)
    if (auto* list = place(paths[i], 1)) list->push_back(files[i]);
}

/// Class names of the first part there is (train), sorted: "2" before "10" when all are numbers.
std::vector<std::string> class_names(const Listing& listing, size_t first) {
  std::vector<std::string> names;
  for (const auto& [name, files] : listing.parts[first]) names.push_back(name);
  if (names.empty())
    fail(ErrorKind::data, listing.where,
         "has no class folders: expected CLASS/*.png or train/CLASS/*.png (PNG or JPEG), one folder a class");
  const bool numbers = std::ranges::all_of(names, [](const std::string& name) {
    return name.size() < 10 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
  });
  if (numbers) std::ranges::stable_sort(names, {}, [](const std::string& name) { return std::stoll(name); });
  for (size_t part = 0; part < listing.parts.size(); ++part)
    for (const auto& [name, files] : listing.parts[part]) {
      if (!listing.parts[first].contains(name)) {
        const std::string nearest = nearest_name(name, names);
        fail(ErrorKind::data, listing.where, "class '{}' is in {}/ and not in {}/{}, which has {}", name,
             part_names[part], part_names[first], nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest),
             join(names));
      }
      if (files.empty())
        fail(ErrorKind::data, listing.where, "class folder '{}' of {} holds no PNG or JPEG: fill it or remove it", name,
             part_names[part]);
    }
  return names;
}

void check_memory(const Listing& listing, int64_t images, const ImageOptions& size) {
  int64_t bytes = images;
  for (const int64_t factor : {size.height, size.width, size.channels})
    bytes = checked_mul(bytes, factor, fmt::format("{}: pixels", listing.where));
  const int64_t memory = int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGE_SIZE);
  if (memory > 0 && bytes > memory / 10 * 8)
    fail(ErrorKind::data, listing.where,
         "{} images of {} x {} x {} need {} MB, this machine has {}: set a smaller data.size", grouped(images),
         size.height, size.width, size.channels, bytes >> 20, memory >> 20);
}

Splits decode(const Listing& listing, const ImageOptions& asked) {
  size_t lead = 0;
  while (lead < 2 && listing.parts[lead].empty()) ++lead;
  const auto names = class_names(listing, lead);
  ImageOptions size = asked;
  const std::string& first = listing.parts[lead].at(names.front()).front();
  {
    const ImageInfo info = image_info(listing.read(first), first);
    if (size.height == 0 && size.width == 0) {
      size.height = info.height;
      size.width = info.width;
    }
    if (size.channels == 0) size.channels = info.channels;
  }
  const bool scale = asked.height > 0;
  const auto image_bytes = static_cast<size_t>(size.height * size.width * size.channels);
  Splits out;
  for (size_t part = 0; part < listing.parts.size(); ++part) {
    Dataset& set = part == 0 ? out.train : part == 1 ? out.validation : out.test;
    set.classes = names;
    set.source = listing.where;
    std::vector<const std::string*> files;
    for (size_t label = 0; label < names.size(); ++label) {
      const auto found = listing.parts[part].find(names[label]);
      if (found == listing.parts[part].end()) continue;
      for (const auto& file : found->second) {
        files.push_back(&file);
        set.labels.push_back(static_cast<int32_t>(label));
      }
    }
    if (files.empty()) continue;
    check_memory(listing, set.size(), size);
    set.inputs = Tensor::empty({set.size(), size.height, size.width, size.channels}, DType::u8);
    uint8_t* pixels = set.pixels().data<uint8_t>().data();
    parallel_for(set.size(), 16, [&](int64_t begin, int64_t end) {
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
        Tensor image = decode_image(listing.read(*files[i]), size.channels, *files[i]);
        if (scale) image = resize(image, size.height, size.width);
        if (image.size(0) != size.height || image.size(1) != size.width)
          fail(ErrorKind::data, *files[i],
               "is {} x {} (height x width), {} is {} x {}: set data.size to bring all to one size", image.size(0),
               image.size(1), first, size.height, size.width);
        std::memcpy(pixels + i * image_bytes, image.bytes(), image_bytes);
      }
    });
  }
  return out;
}

ImageOptions completed(ImageOptions options) {
  if (options.height < 0 || options.width < 0 || options.height > 16384 || options.width > 16384)
    fail("image size", "{} x {} is out of range: give 1 to 16384, or 0 for the images' own", options.height,
         options.width);
  if (options.channels != 0 && options.channels != 1 && options.channels != 3)
    fail("image channels", "{} is not possible: give 1 (grey), 3 (RGB) or 0 (the images' own)", options.channels);
  if (options.height == 0) options.height = options.width;
  if (options.width == 0) options.width = options.height;
  return options;
}

void refuse_unread(const std::string& path, FileType type) {
  if (type == FileType::unread_image)
    fail(ErrorKind::data, path, "is an image of a format that is not read: convert it to PNG or JPEG, or remove it");
}

}  // namespace

std::vector<std::string> picture_files(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string path = at->path().lexically_relative(folder).string();
    if (hidden(components(path)))
      at.disable_recursion_pending();
    else if (at->is_regular_file() && type_of(path) == FileType::image)
      out.push_back(path);
  }
  if (error) fail(ErrorKind::file, folder.string(), "cannot be read: {}", error.message());
  if (out.empty()) fail(ErrorKind::data, folder.string(), "holds no .png, .jpg or .jpeg file");
  std::ranges::sort(out);
  return out;
}

Dataset load_pictures(const fs::path& folder, const std::vector<std::string>& files,
                      const std::vector<std::string>& classes, const ImageOptions& options) {
  Listing listing;
  listing.where = folder.string();
  auto& list = listing.parts[0][""];
  for (const auto& file : files) list.push_back((folder / file).string());
  listing.read = [](const std::string& path) { return read_file(path, max_file_bytes); };
  Dataset out = decode(listing, completed(options)).train;
  out.classes = classes;
  return out;
}

Splits load_folder(const fs::path& folder, const ImageOptions& options) {
  const ImageOptions size = completed(options);
  Listing listing;
  listing.where = folder.string();
  listing.read = [](const std::string& path) { return read_file(path, max_file_bytes); };
  std::error_code no_labels;
  if (fs::exists(folder / labels_file, no_labels)) {
    for (const Label& label : read_labels(folder))
      if (!label.label.empty()) listing.parts[0][label.label].push_back((folder / label.file).string());
    if (listing.parts[0].empty())
      fail(ErrorKind::data, (folder / labels_file).string(), "gives no picture a label: `tandem label` asks for some");
    return decode(listing, size);
  }
  std::vector<std::string> files;
  std::vector<std::string> folders;
  std::error_code error;
  constexpr auto follow = fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator at(folder, follow, error), end; !error && at != end; at.increment(error)) {
    const std::string path = at->path().lexically_relative(folder).string();
    if (hidden(components(path)) || leads_back_up(*at)) {
      at.disable_recursion_pending();
    } else if (at->is_directory(error)) {
      folders.push_back(path);
      if (at.depth() >= 8) at.disable_recursion_pending();  // two links may lead to each other
    } else if (const FileType type = type_of(path); type != FileType::other) {
      refuse_unread(at->path().string(), type);
      files.push_back(path);
    }
  }
  if (error) fail(ErrorKind::file, folder.string(), "cannot be read: {}", error.message());
  arrange(listing, std::move(files), folders);
  for (auto& part : listing.parts)
    for (auto& [name, paths] : part)
      for (auto& path : paths) path = (folder / path).string();  // whole paths, for reading and for messages
  return decode(listing, size);
}

Splits load_archive(const fs::path& path, const ImageOptions& options) {
  const ImageOptions size = completed(options);
  Listing listing;
  listing.where = path.string();
  std::map<std::string, std::vector<uint8_t>> members;
  read_archive(path, [&](const std::string& name, std::vector<uint8_t> bytes) {
    const FileType type = type_of(name);
    if (type == FileType::other || hidden(components(name))) return;
    refuse_unread(listing.where + "/" + name, type);
    bytes.shrink_to_fit();
    members[name] = std::move(bytes);
  });
  std::vector<std::string> files;
  for (const auto& [name, bytes] : members) files.push_back(name);
  arrange(listing, std::move(files), {});
  for (auto& part : listing.parts)
    for (auto& [name, paths] : part)
      for (auto& member : paths) member = listing.where + "/" + member;
  listing.read = [&](const std::string& member) { return members.at(member.substr(listing.where.size() + 1)); };
  return decode(listing, size);
}

Dataset conform(const Dataset& set, const ImageOptions& options) {
  ImageOptions size = completed(options);
  if (set.size() == 0 || !set.pixels().defined()) return set;
  const Shape& shape = set.pixels().shape();
  if (size.height == 0) size = {.height = shape[1], .width = shape[2], .channels = size.channels};
  if (size.channels == 0) size.channels = shape[3];
  if (size.height == shape[1] && size.width == shape[2] && size.channels == shape[3]) return set;
  Dataset out{.inputs = Tensor::empty({set.size(), size.height, size.width, size.channels}, DType::u8),
              .labels = set.labels,
              .classes = set.classes,
              .source = set.source};
  parallel_for(set.size(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Tensor image = set.pixels().rows(i, i + 1).view({shape[1], shape[2], shape[3]});
      const Tensor changed = with_channels(resize(image, size.height, size.width), size.channels);
      std::memcpy(out.pixels().rows(i, i + 1).bytes(), changed.bytes(), changed.byte_count());
    }
  });
  return out;
}

}  // namespace tandem::data
