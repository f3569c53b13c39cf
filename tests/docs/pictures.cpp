// Small folders of pictures for scripts/test-docs.sh: digits of the generator under the names that the documents use.
//   pictures FOLDER CLASS=DIGIT…      writes FOLDER/CLASS/1.jpg … 40.jpg and, beside FOLDER, new.jpg and another/folder
#include <tandem/base/files.h>
#include <tandem/data/formats/image.h>
#include <tandem/tandem.h>

#include <iostream>

int main(int argc, char** argv) {
  using namespace tandem;
  try {
    const fs::path folder = argc > 1 ? argv[1] : "pictures";
    const auto digits = data::load("builtin", {.train_examples = 400, .test_examples = 10});
    // The name's ending does not matter: pictures are told apart by their content.
    const auto write = [&](const fs::path& path, size_t example) {
      make_folder(path.parent_path());
      const auto i = static_cast<int64_t>(example);
      write_file(path, data::encode_png(digits.train.pixels().rows(i, i + 1).view({28, 28, 1})));
    };
    for (int a = 2; a < argc; ++a) {
      const std::string word = argv[a];
      const auto digit = static_cast<size_t>(word.back() - '0');
      for (size_t n = 0; n < 40; ++n)
        write(folder / word.substr(0, word.find('=')) / (std::to_string(n + 1) + ".jpg"), 10 * n + digit);
    }
    write(folder.parent_path() / "new.jpg", 1);
    write(folder.parent_path() / "another/folder/1.jpg", 2);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
