/* The checksum of POSIX cksum, with which the build marks the PTX that nvcc wrote (sum-ptx): CRC-32
 * of the polynomial 0x04c11db7, highest bit first, of the bytes and of their number. It finds
 * changes made by hand or by accident, not those of an adversary. */
#include "program.h"

#include <array>

namespace simt::ptx {

static std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i << 24;
    for (int bit = 0; bit < 8; bit++) c = c << 1 ^ (c >> 31 ? 0x04c11db7 : 0);
    table[i] = c;
  }
  return table;
}

std::string posix_sum(std::string_view text) {
  static const std::array<uint32_t, 256> table = crc_table();
  uint32_t crc = 0;
  const auto add = [&](unsigned char byte) { crc = crc << 8 ^ table[crc >> 24 ^ byte]; };
  for (const char c : text) add(static_cast<unsigned char>(c));
  for (size_t n = text.size(); n; n >>= 8) add(n & 0xff);
  return std::to_string(~crc) + " " + std::to_string(text.size());
}

}  // namespace simt::ptx
