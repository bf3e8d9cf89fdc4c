/* Integer programs: sieve, hash table, recursive calls, quicksort, 64-bit division. */
#include "bench.h"
#include <string.h>

/* Odd numbers below 2^20 by Eratosthenes' sieve, a byte for each. */
enum { SIEVE_LIMIT = 1 << 20 };
static uint8_t composite[SIEVE_LIMIT / 2];

static uint64_t sieve(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t round = 0; round < count; round++) {
    memset(composite, 0, sizeof composite);
    for (uint32_t n = 3; n * n < SIEVE_LIMIT; n += 2)
      if (!composite[n / 2])
        for (uint32_t m = n * n; m < SIEVE_LIMIT; m += 2 * n) composite[m / 2] = 1;
    uint64_t primes = 1, last = 2;
    for (uint32_t n = 3; n < SIEVE_LIMIT; n += 2)
      if (!composite[n / 2]) {
        primes++;
        last = n;
      }
    sum = bench_mix(sum, primes * last + round);
  }
  return sum;
}

/* Open addressing with linear probing: insertions, look-ups and removals of random keys. */
enum { SLOTS = 1 << 16 };
static struct slot {
  uint64_t key, value;
} slots[SLOTS];

static size_t home(uint64_t key) { return (key * 0x9e3779b97f4a7c15ull) >> 48; }

static struct slot *find(uint64_t key) {
  size_t at = home(key);
  while (slots[at].key != 0 && slots[at].key != key) at = (at + 1) % SLOTS;
  return &slots[at];
}

/* Moves later entries of the run back, so that no mark of removal is needed. */
static void delete_slot(struct slot *slot) {
  size_t hole = (size_t)(slot - slots);
  for (size_t at = (hole + 1) % SLOTS; slots[at].key != 0; at = (at + 1) % SLOTS) {
    size_t distance = (at - home(slots[at].key)) % SLOTS;
    if (distance >= (at - hole) % SLOTS) {
      slots[hole] = slots[at];
      hole = at;
    }
  }
  slots[hole].key = 0;
}

static uint64_t hash_table(uint64_t count) {
  uint64_t state = 88172645463325252ull, sum = 0, present = 0;
  memset(slots, 0, sizeof slots);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t random = bench_random(&state);
    /* 40,000 possible keys: the table is at most 61 % full. */
    uint64_t key = 1 + (random >> 8) % 40000;
    struct slot *slot = find(key);
    if (slot->key == 0) {
      if (random & 3) {
        slot->key = key;
        slot->value = random;
        present++;
      }
    } else if ((random & 7) == 0) {
      sum = bench_mix(sum, slot->value);
      delete_slot(slot);
      present--;
    } else sum += slot->value;
  }
  return bench_mix(sum, present);
}

/* Calls that the compiler cannot turn into loops: Takeuchi's function and the moves of Hanoi's towers. */
static __attribute__((noinline, noclone)) int tak(int x, int y, int z) {
  return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static uint64_t pegs[3];
static __attribute__((noinline, noclone)) void hanoi(unsigned disks, unsigned from, unsigned to) {
  if (disks == 0) return;
  unsigned other = 3 - from - to;
  hanoi(disks - 1, from, other);
  pegs[from]--;
  pegs[to] += 1 + (pegs[other] & 1);
  hanoi(disks - 1, other, to);
}

static uint64_t calls(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t round = 0; round < count; round++) {
    sum = bench_mix(sum, (uint64_t)tak(14 + (int)(round & 1), 9, 4));
    hanoi(14, 0, 2);
    sum = bench_mix(sum, pegs[2]);
  }
  return sum;
}

enum { SORTED = 20000 };
static uint64_t numbers[SORTED];

static void sort(uint64_t *from, uint64_t *to) {
  while (to - from > 12) {
    uint64_t a = *from, b = from[(to - from) / 2], c = to[-1];
    uint64_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
    uint64_t *low = from, *high = to - 1;
    for (;;) {
      while (*low < pivot) low++;
      while (*high > pivot) high--;
      if (low >= high) break;
      uint64_t other = *low;
      *low++ = *high;
      *high-- = other;
    }
    /* The smaller part by a call: the depth stays logarithmic. */
    if (low - from < to - low) {
      sort(from, low);
      from = low;
    } else {
      sort(low, to);
      to = low;
    }
  }
  for (uint64_t *i = from + 1; i < to; i++) {
    uint64_t value = *i, *at = i;
    for (; at > from && at[-1] > value; at--) *at = at[-1];
    *at = value;
  }
}

static uint64_t quicksort(uint64_t count) {
  uint64_t state = 42, sum = 0;
  for (uint64_t round = 0; round < count; round++) {
    for (size_t i = 0; i < SORTED; i++) numbers[i] = bench_random(&state);
    sort(numbers, numbers + SORTED);
    for (size_t i = 1; i < SORTED; i++)
      if (numbers[i - 1] > numbers[i]) bench_fail("quicksort: not sorted");
    for (size_t i = 0; i < SORTED; i += 97) sum = bench_mix(sum, numbers[i]);
  }
  return sum;
}

/* Signed and unsigned 64-bit division of numbers of all magnitudes, and Euclid's algorithm. */
static uint64_t division(uint64_t count) {
  uint64_t state = 7, sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t a = bench_random(&state), b = (bench_random(&state) >> (i % 61)) | 1;
    int64_t c = (int64_t)bench_random(&state), d = (int64_t)(bench_random(&state) >> (1 + i % 59)) + 1;
    sum += a / b + (a % b) * 3;
    sum ^= (uint64_t)(c / d) + (uint64_t)(c % d);
    if ((i & 15) == 0) {
      while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
      }
      sum = bench_mix(sum, a);
    }
  }
  return sum;
}

const struct program integer_programs[] = {
    {"sieve", 0, sieve}, {"hash", 0, hash_table}, {"calls", 0, calls}, {"quicksort", 0, quicksort}, {"div64", 0, division}, {0, 0, 0}};
