/* Memory and strings, mostly through the C library's own functions, as programs use them. */
#include "bench.h"
#include <string.h>

/* Through pointers, so that the compiler neither inlines nor drops a call. */
static void *(*volatile call_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile call_memset)(void *, int, size_t) = memset;
static int (*volatile call_memcmp)(const void *, const void *, size_t) = memcmp;
static size_t (*volatile call_strlen)(const char *) = strlen;

enum { LARGE = 4 << 20, AREA = LARGE + 4096 };
static uint8_t *first, *second;

static void prepare_areas(void) {
  uint64_t state = 19;
  first = bench_allocate(AREA);
  second = bench_allocate(AREA);
  for (size_t i = 0; i < AREA; i += 8) {
    uint64_t value = bench_random(&state);
    memcpy(first + i, &value, 8);
  }
  memcpy(second, first, AREA);
}

/* 4 MiB at a time, to and fro, at changing offsets. */
static uint64_t memcpy_large(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    size_t offset = i * 24 % 512;
    call_memcpy(i & 1 ? first : second, (i & 1 ? second : first) + offset, LARGE);
    sum = bench_mix(sum, second[i * 4099 % LARGE] + first[i * 8191 % LARGE]);
  }
  return sum;
}

/* 1 to 128 bytes at all alignments within 16 KiB. */
static uint64_t memcpy_small(uint64_t count) {
  uint64_t state = 23, sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t random = bench_random(&state);
    size_t length = 1 + (random >> 16 & 127);
    call_memcpy(second + (random >> 30 & 16383), first + (random >> 46 & 16383), length);
    sum += second[random >> 30 & 16383];
  }
  return bench_mix_bytes(sum, second, 16384);
}

static void prepare_strings(void) {
  prepare_areas();
  for (size_t i = 0; i < AREA; i++) first[i] |= 1;
}

/* Strings of 8 to 2,055 bytes. */
static uint64_t string_length(uint64_t count) {
  uint64_t state = 29, sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t random = bench_random(&state);
    char *start = (char *)first + (random >> 20 & 0xffff);
    size_t length = 8 + (random >> 50 & 2047);
    char saved = start[length];
    start[length] = 0;
    sum += call_strlen(start) ^ i;
    start[length] = saved;
  }
  return sum;
}

/* A megabyte, then 64 pieces of 16 to 1,039 bytes. */
static uint64_t memory_set(uint64_t count) {
  uint64_t state = 31, sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    call_memset(first + (i & 63), (int)i, 1 << 20);
    for (int piece = 0; piece < 64; piece++) {
      uint64_t random = bench_random(&state);
      call_memset(first + (random >> 20 & 0xffff), piece, 16 + (random >> 50 & 1023));
    }
    sum = bench_mix(sum, first[i * 4099 % LARGE] + first[i * 97 & 0xffff]);
  }
  return bench_mix_bytes(sum, first, 65536);
}

/* A megabyte that differs in one byte, then 64 pieces of up to 1 KiB. */
static uint64_t memory_compare(uint64_t count) {
  uint64_t state = 37, sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    size_t at = (1 << 20) - 1 - i % 4096;
    second[at] ^= (uint8_t)(i | 1);
    sum = bench_mix(sum, call_memcmp(first, second, 1 << 20) > 0);
    second[at] = first[at];
    for (int piece = 0; piece < 64; piece++) {
      uint64_t random = bench_random(&state);
      size_t offset = random >> 20 & 0xffff, length = 1 + (random >> 50 & 1023);
      sum += call_memcmp(first + offset, second + offset, length) == 0 ? length : 0;
    }
  }
  return sum;
}

/* The instruction itself, 64 KiB and 300 bytes at a time. */
static uint64_t rep_movsb(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    for (int piece = 0; piece < 9; piece++) {
      void *to = second + i * 8 % 4096 + (size_t)piece * 65536;
      const void *from = first + i * 24 % 4096 + (size_t)piece * 65536;
      size_t length = piece == 0 ? 65536 : 300;
      __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
    }
    sum = bench_mix(sum, second[i * 4099 % (1 << 20)]);
  }
  return bench_mix_bytes(sum, second, 65536);
}

/* 16 MiB of nodes, one to a cache line, in random order: most steps miss the caches and the TLBs. */
enum { NODES = (16 << 20) / 64 };
struct node {
  struct node *next;
  uint64_t value[7];
};
static struct node *nodes;

static void prepare_chase(void) {
  uint64_t state = 41;
  uint32_t *order = bench_allocate(NODES * sizeof *order);
  nodes = bench_allocate(NODES * sizeof *nodes);
  for (uint32_t i = 0; i < NODES; i++) order[i] = i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t other = (uint32_t)((bench_random(&state) >> 32) * (i + 1) >> 32), kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
  for (uint32_t i = 0; i < NODES; i++) {
    nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
    nodes[order[i]].value[0] = bench_random(&state);
  }
}

static uint64_t pointer_chase(uint64_t count) {
  uint64_t sum = 0;
  const struct node *at = nodes;
  for (uint64_t i = 0; i < count; i++) {
    sum += at->value[0];
    at = at->next;
  }
  return bench_mix(sum, (uint64_t)(at - nodes));
}

const struct program memory_programs[] = {{"memcpy-large", prepare_areas, memcpy_large},
                                          {"memcpy-small", prepare_areas, memcpy_small},
                                          {"strlen", prepare_strings, string_length},
                                          {"memset", prepare_areas, memory_set},
                                          {"memcmp", prepare_areas, memory_compare},
                                          {"rep-movsb", prepare_areas, rep_movsb},
                                          {"pointer-chase", prepare_chase, pointer_chase},
                                          {0, 0, 0}};
