// Recipes: what is read is written in full, and read back as the same.
#include <tandem/train/recipe.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::attempt([&] {
    train::Recipe recipe = train::Recipe::read(Config::parse(std::string(fuzz::text_of({data, size})), "fuzz"));
    const std::string text = recipe.write().str();
    fuzz::demand(train::Recipe::read(Config::parse(text, "back")).write().str() == text);
  });
}
