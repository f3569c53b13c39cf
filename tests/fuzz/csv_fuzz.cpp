// Tables: every cell of what was read lies inside it.
#include <tandem/data/formats/csv.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Bytes bytes(data, size);
  const uint8_t how = fuzz::choice(bytes);
  data::CsvOptions options;
  options.delimiter = std::string_view("\0,;\t", 4)[how & 3U];
  options.header = static_cast<data::CsvHeader>((how >> 2) % 3);
  options.quotes = (how & 16U) == 0;
  return fuzz::attempt([&] {
    const data::Csv csv = data::Csv::parse(std::string(fuzz::text_of(bytes)), "fuzz", options);
    fuzz::demand(csv.rows() > 0 && csv.columns() > 0);
    for (int64_t row = 0; row < csv.rows(); ++row)
      for (int64_t column = 0; column < csv.columns(); ++column) {
        double number = 0;
        (void)data::parse_number(csv.cell(row, column), number, (how & 32U) != 0 ? ',' : '.');
        fuzz::demand(csv.cell(row, column).size() <= bytes.size() && csv.line(row) > 0);
      }
  });
}
