// Labelled images kept as arrays: a file of pixels and a file of labels for each part.
#pragma once
#include <tandem/base/files.h>
#include <tandem/data/dataset.h>

namespace tandem::data {

/// Pixels (N,H,W) or (N,H,W,C) of bytes and labels (N) or (N,1) of integers as a set. With no `classes`, they are named
/// 0 … largest label. Throws a data error naming `source` when the counts disagree or a label is out of range.
[[nodiscard]] Dataset labelled(const Tensor& pixels, const Tensor& labels, std::vector<std::string> classes,
                               const std::string& source);

/// Whether `folder` holds a pair of IDX files: train-images-idx3-ubyte and train-labels-idx1-ubyte (.gz or plain, `-`
/// or
/// `.` before idx); t10k- or test- for the test part, validation- or val- for validation.
[[nodiscard]] bool has_idx_pair(const fs::path& folder);

/// Loads such a folder. Train and its labels must be there; the other parts are empty when their files are missing.
[[nodiscard]] Splits load_idx_folder(const fs::path& folder, const std::vector<std::string>& classes = {});

/// Loads train_images.npy and train_labels.npy, val_ and test_ likewise (the layout of MedMNIST).
[[nodiscard]] Splits load_npy_folder(const fs::path& folder, const std::vector<std::string>& classes = {});

}  // namespace tandem::data
