#include <openssl/evp.h>
#include <tandem/base/checksum.h>
#include <tandem/base/error.h>

#include <array>

namespace tandem {
namespace {

std::string digest(const EVP_MD* kind, const char* name, std::span<const uint8_t> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), sum.data(), &length, kind, nullptr) != 1)
    fail(ErrorKind::internal, name, "is not to be had from this OpenSSL (a FIPS-only set-up?)");
  std::string out;
  for (const unsigned char byte : std::span(sum).first(length)) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

}  // namespace

std::string md5(std::span<const uint8_t> bytes) { return digest(EVP_md5(), "MD5", bytes); }
std::string sha256(std::span<const uint8_t> bytes) { return digest(EVP_sha256(), "SHA-256", bytes); }
std::string sha256(std::string_view text) {
  return sha256(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace tandem
