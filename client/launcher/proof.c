#include "proof.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const uint32_t ROUNDS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int by) { return word >> by | word << (32 - by); }

static void compress(uint32_t state[8], const unsigned char block[64]) {
  uint32_t words[64], now[8];
  for (int i = 0; i < 16; i++)
    words[i] = (uint32_t)block[i * 4] << 24 | (uint32_t)block[i * 4 + 1] << 16 | (uint32_t)block[i * 4 + 2] << 8 | block[i * 4 + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t x = words[i - 15], y = words[i - 2];
    words[i] = words[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + words[i - 7] + (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
  }
  memcpy(now, state, sizeof now);
  for (int i = 0; i < 64; i++) {
    uint32_t e = now[4], a = now[0];
    uint32_t one = now[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & now[5]) ^ (~e & now[6])) + ROUNDS[i] + words[i];
    uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & now[1]) ^ (a & now[2]) ^ (now[1] & now[2]));
    memmove(now + 1, now, 7 * sizeof *now);
    now[4] += one;
    now[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state[i] += now[i];
}

static void sha256(const unsigned char *bytes, size_t length, unsigned char digest[32]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  size_t whole = length & ~(size_t)63;
  for (size_t at = 0; at < whole; at += 64) compress(state, bytes + at);
  unsigned char last[128] = {0};
  size_t rest = length - whole, padded = rest < 56 ? 64 : 128;
  memcpy(last, bytes + whole, rest);
  last[rest] = 0x80;
  for (int i = 0; i < 8; i++) last[padded - 1 - (size_t)i] = (unsigned char)((uint64_t)length * 8 >> (8 * i));
  for (size_t at = 0; at < padded; at += 64) compress(state, last + at);
  for (int i = 0; i < 32; i++) digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* The hash of a key block, each byte combined with `pad`, and a message behind it. */
static void keyed(const unsigned char key[64], unsigned char pad, const void *message, size_t length, unsigned char digest[32]) {
  text input = {0};
  for (int i = 0; i < 64; i++) text_add(&input, &(unsigned char){key[i] ^ pad}, 1);
  text_add(&input, message, length);
  sha256((unsigned char *)input.data, input.length, digest);
  free(input.data);
}

bool prove(const char *secret, const char *words, size_t length, char proof[65]) {
  unsigned char key[64] = {0}, inner[32], outer[32];
  for (int i = 0; i < 32; i++) {
    unsigned byte;
    if (strspn(secret + i * 2, "0123456789abcdef") < 2 || sscanf(secret + i * 2, "%2x", &byte) != 1) return false;
    key[i] = (unsigned char)byte;
  }
  keyed(key, 0x36, words, length, inner);
  keyed(key, 0x5c, inner, sizeof inner, outer);
  for (int i = 0; i < 32; i++) sprintf(proof + i * 2, "%02x", outer[i]);
  return true;
}

bool same_proof(const char *one, const char *other) {
  size_t length = strlen(one);
  if (strlen(other) != length) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < length; i++) difference |= (unsigned char)(one[i] ^ other[i]);
  return difference == 0;
}
