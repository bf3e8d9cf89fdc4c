/* What the benchmark programs share: their table's entry, pseudo-random numbers, checksums. */
#ifndef BENCH_H
#define BENCH_H
#include <stddef.h>
#include <stdint.h>

struct program {
  const char *name;
  /* Makes the data; not timed. May be null. */
  void (*prepare)(void);
  /* The timed part. The result depends on all of the work, and on nothing else but the count. */
  uint64_t (*run)(uint64_t count);
};

/* Each ends with an entry without a name. */
extern const struct program integer_programs[], compress_programs[], float_programs[], memory_programs[], system_programs[];

/* The path of this very program, for programs that start it again. */
extern const char *bench_self;

/* xorshift64* (Marsaglia; Vigna). The state must not be 0. */
static inline uint64_t bench_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dull;
}

/* Order matters to it. */
static inline uint64_t bench_mix(uint64_t sum, uint64_t value) {
  sum = (sum ^ value) * 0x9e3779b97f4a7c15ull;
  return sum ^ (sum >> 29);
}

static inline uint64_t bench_mix_bytes(uint64_t sum, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) sum = bench_mix(sum, bytes[i]);
  return sum;
}

/* The compiler must take the value, and all of memory, for used and changed. */
#define BENCH_KEEP(value) __asm__ volatile("" : "+r"(value) : : "memory")

/* Prints a line to standard error and ends the program. */
__attribute__((noreturn)) void bench_fail(const char *what);
void *bench_allocate(size_t bytes);

#endif
