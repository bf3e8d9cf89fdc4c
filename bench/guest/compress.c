/* Byte crunching: SHA-256, CRC-32, and an LZ77 coder and decoder. */
#include "bench.h"
#include <string.h>

enum { TEXT = 1 << 17 };
static uint8_t text[TEXT];

/* Sentences of invented words, which repeat as words of a language do. */
static void make_text(void) {
  static char words[512][12];
  uint64_t state = 2026;
  for (int w = 0; w < 512; w++) {
    int length = 2 + (int)(bench_random(&state) >> 61) + (w > 40 ? 2 : 0);
    for (int i = 0; i < length; i++) words[w][i] = (i & 1) != (w & 1) ? "aeiou"[(bench_random(&state) >> 33) % 5] : "bcdfghklmnprstvwz"[(bench_random(&state) >> 33) % 17];
  }
  size_t at = 0;
  while (at < TEXT) {
    /* The product of two uniform numbers: low indices are frequent. */
    uint64_t random = bench_random(&state);
    const char *word = words[((random >> 20 & 511) * (random >> 40 & 511)) >> 9];
    for (size_t i = 0; word[i] != 0 && at < TEXT; i++) text[at++] = (uint8_t)word[i];
    if (at < TEXT) text[at++] = (random & 15) == 0 ? '.' : ' ';
  }
}

/* FIPS 180-4 */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t rotate(uint32_t x, int by) { return x >> by | x << (32 - by); }

static void sha256_block(uint32_t h[8], const uint8_t *block) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++) {
    memcpy(&w[i], block + 4 * i, 4);
    w[i] = __builtin_bswap32(w[i]);
  }
  for (int i = 16; i < 64; i++) {
    uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = k + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i];
    uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    k = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += k;
}

/* Of `count` pieces of 4 KiB of the text, one after the other. */
static uint64_t sha256(uint64_t count) {
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (uint64_t i = 0; i < count; i++)
    for (size_t at = 0; at < 4096; at += 64) sha256_block(h, text + (i * 4096 + at) % TEXT);
  uint8_t end[64] = {0x80};
  uint64_t bits = __builtin_bswap64(count * 4096 * 8);
  memcpy(end + 56, &bits, 8);
  sha256_block(h, end);
  return (uint64_t)h[0] << 32 | h[1];
}

static uint32_t crc_table[256];

static void make_crc_table(void) {
  make_text();
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    crc_table[i] = crc;
  }
}

/* Of the text, `count` times over. */
static uint64_t crc32(uint64_t count) {
  uint32_t crc = ~0u;
  for (uint64_t round = 0; round < count; round++)
    for (size_t i = 0; i < TEXT; i++) crc = crc >> 8 ^ crc_table[(crc ^ text[i]) & 0xff];
  return ~crc;
}

/*
 * Our own format, a sequence of: a byte with the number of literals (low four bits) and the match length less 4 (high four; 15
 * in either goes on in bytes that are added until one is below 255), the literals, and the distance in two bytes.
 */
static uint8_t packed[TEXT + TEXT / 8 + 64], unpacked[TEXT];
static size_t packed_length;
static uint32_t heads[1 << 13], previous[TEXT];

static uint32_t four(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return value;
}

static uint8_t *put_length(uint8_t *out, size_t length) {
  if (length < 15) return out;
  for (length -= 15; length >= 255; length -= 255) *out++ = 255;
  *out++ = (uint8_t)length;
  return out;
}

static uint8_t *put_sequence(uint8_t *out, const uint8_t *literals, size_t count, size_t match, size_t distance) {
  *out++ = (uint8_t)((count < 15 ? count : 15) | (match < 15 ? match : 15) << 4);
  out = put_length(out, count);
  memcpy(out, literals, count);
  out = put_length(out + count, match);
  *out++ = (uint8_t)distance;
  *out++ = (uint8_t)(distance >> 8);
  return out;
}

static size_t lz_pack(void) {
  uint8_t *out = packed;
  size_t at = 0, literals = 0;
  memset(heads, 0, sizeof heads);
  while (at + 4 <= TEXT) {
    uint32_t now = four(text + at), *head = &heads[now * 2654435761u >> 19];
    size_t best = 3, distance = 0, candidate = *head;
    /* Positions are kept plus one; a few of the latest with the same hash are tried. */
    for (int tries = 8; tries > 0 && candidate != 0 && at - (candidate - 1) < 65536; tries--, candidate = previous[candidate - 1]) {
      const uint8_t *there = text + candidate - 1;
      size_t length = 0;
      while (at + length < TEXT && there[length] == text[at + length]) length++;
      if (length > best) best = length, distance = at - (candidate - 1);
    }
    previous[at] = *head;
    *head = (uint32_t)at + 1;
    if (best < 4) {
      at++;
      continue;
    }
    out = put_sequence(out, text + literals, at - literals, best - 4, distance);
    at += best;
    literals = at;
  }
  /* A distance of 0 ends the stream. */
  return (size_t)(put_sequence(out, text + literals, TEXT - literals, 0, 0) - packed);
}

static uint64_t lz_compress(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t round = 0; round < count; round++) {
    text[round * 4099 % TEXT] ^= 1;
    sum = bench_mix(sum, lz_pack());
  }
  return bench_mix_bytes(sum, packed, 64);
}

static void prepare_decompress(void) {
  make_text();
  packed_length = lz_pack();
}

static size_t get_length(const uint8_t **in, size_t length) {
  if (length < 15) return length;
  uint8_t more;
  do {
    more = *(*in)++;
    length += more;
  } while (more == 255);
  return length;
}

static size_t lz_unpack(void) {
  const uint8_t *in = packed;
  uint8_t *out = unpacked;
  for (;;) {
    uint8_t both = *in++;
    size_t literals = get_length(&in, both & 15);
    for (size_t i = 0; i < literals; i++) *out++ = *in++;
    size_t match = get_length(&in, both >> 4) + 4;
    size_t distance = (size_t)in[0] | (size_t)in[1] << 8;
    in += 2;
    if (distance == 0) return (size_t)(out - unpacked);
    const uint8_t *from = out - distance;
    while (match-- > 0) *out++ = *from++;
  }
}

static uint64_t lz_decompress(uint64_t count) {
  uint64_t sum = packed_length;
  for (uint64_t round = 0; round < count; round++) {
    if (lz_unpack() != TEXT) bench_fail("lz-decompress: wrong length");
    sum = bench_mix(sum, unpacked[round * 4099 % TEXT]);
  }
  if (memcmp(text, unpacked, TEXT) != 0) bench_fail("lz-decompress: wrong text");
  return bench_mix_bytes(sum, unpacked, 256);
}

const struct program compress_programs[] = {{"sha256", make_text, sha256},
                                            {"crc32", make_crc_table, crc32},
                                            {"lz-compress", make_text, lz_compress},
                                            {"lz-decompress", prepare_decompress, lz_decompress},
                                            {0, 0, 0}};
