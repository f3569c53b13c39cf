// Images in folders, one folder a class; the same inside an archive.
#pragma once
#include <tandem/base/files.h>
#include <tandem/data/dataset.h>

#include <string>
#include <vector>

namespace tandem::data {

/// The size and colours that images are brought to.
struct ImageOptions {
  int64_t height = 0, width = 0;  // both 0: the first image's size, which all must have; one 0: the same as the other
  int64_t channels = 0;           // 1 grey, 3 RGB; 0: 3 if the first image is in colour, else 1
};

/// Loads PNG and JPEG files below CLASS/ folders; a level train/, validation/ (or val/) and test/ may stand above them,
/// without it all go to `train`. Classes are those of train (of test when that is all there
/// is), sorted by name (by number when all are numbers), files by
/// path. Throws a file error when the folder cannot be read; a data error naming the folder or image when there are no
/// class folders, a class is empty or not in train, an image is damaged or has another size.
/// A folder with a labels.csv (data/labels.h) needs no class folders: the pictures it gives a label go to `train`.
[[nodiscard]] Splits load_folder(const fs::path& folder, const ImageOptions& options = {});

/// The same from a tar, tar.gz or zip with members like train/CLASS/x.jpg or CLASS/x.jpg.
[[nodiscard]] Splits load_archive(const fs::path& path, const ImageOptions& options = {});

/// Paths of all PNG and JPEG files in `folder` and below, relative to it, in order of name; hidden ones are left out.
[[nodiscard]] std::vector<std::string> picture_files(const fs::path& folder);
/// Such pictures, all with label 0 of `classes`; all of one size when `options` gives none.
[[nodiscard]] Dataset load_pictures(const fs::path& folder, const std::vector<std::string>& files,
                                    const std::vector<std::string>& classes, const ImageOptions& options = {});

/// Brings images in memory to the size and channels asked for; the set itself when nothing changes.
[[nodiscard]] Dataset conform(const Dataset& set, const ImageOptions& options);

}  // namespace tandem::data
