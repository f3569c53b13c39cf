#include <openssl/evp.h>
#include <tandem/base/error.h>
#include <tandem/data/checksum.h>

#include <array>

namespace tandem::data {

std::string md5(std::span<const uint8_t> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_md5(), nullptr) != 1)
    fail(ErrorKind::internal, "md5", "OpenSSL refused MD5 (a FIPS-only set-up?)");
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + length, ""));
}

}  // namespace tandem::data
