/*
 * Prints checksums of what uses AVX2, FMA and BMI: string functions and libm as the C library chooses them, vectorised loops,
 * permutations, gathers, masked stores. As init of a guest it ends the machine.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static uint64_t sum = 1469598103934665603ull, seed = 88172645463325252ull;
static void add(const void *data, size_t size) {
  for (const unsigned char *p = data; size-- > 0; p++) sum = (sum ^ *p) * 1099511628211ull;
}
static uint64_t next(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}
static void sign(int v) { add(&(int){ v < 0 ? -1 : v > 0 }, sizeof v); }
static void offset(const char *p, const char *base) { add(&(long){ p ? p - base : -1 }, sizeof(long)); }

static void strings(void) {
  for (int round = 0; round < 200; round++) {
    char a[1024], b[1024];
    int n = next() % 900;
    for (int i = 0; i < n; i++) a[i] = 'a' + next() % 5;
    a[n] = 0;
    memcpy(b, a, n + 1);
    b[next() % (n + 1)] ^= next() & 1;
    sign(strcmp(a, b));
    add(&(size_t){ strlen(a) }, sizeof(size_t));
    offset(strchr(a, 'c'), a);
    offset(memrchr(a, 'd', n), a);
    offset(strstr(a, "abc"), a);
    memmove(a + 3, a, n);
    memset(a + n / 2, next(), n / 4);
    add(a, n);
    sign(memcmp(a, b, n));
  }
}

static void mathematics(void) {
  for (int i = 0; i < 4000; i++) {
    double x = (double)(int64_t)next() / 9.2e18 * (i % 7 * 20 + 1), y = (double)(int64_t)next() / 9.2e18 * 3;
    double v[] = { sin(x), cos(x), exp(x / 10), log(fabs(x) + 1e-9), pow(fabs(x), y), atan(x), tan(x), fma(x, y, x), atan2(x, y) };
    float f[] = { sinf(x), expf(x / 3), logf(fabsf(x) + 1), powf(fabsf(x), y), fmaf(x, y, x) };
    add(v, sizeof v);
    add(f, sizeof f);
  }
}

#define N 4096
static float a[N], b[N], c[N];
static double d[N];
static int e[N];
__attribute__((target("avx2,fma"), optimize("O3"))) static void loops(void) {
  for (int i = 0; i < N; i++) c[i] = a[i] * b[i] + c[i];
  for (int i = 0; i < N; i++) d[i] = d[i] * 1.0000001 + a[i];
  for (int i = 0; i < N; i++) e[i] = ((e[i] << 3) ^ (e[i] >> 5)) + i;
  for (int i = 0; i < N; i += 8) {
    __m256i v = _mm256_loadu_si256((const __m256i *)(e + i));
    v = _mm256_permutevar8x32_epi32(v, _mm256_and_si256(v, _mm256_set1_epi32(7)));
    __m256 g = _mm256_i32gather_ps(a, _mm256_and_si256(v, _mm256_set1_epi32(255)), 4);
    _mm256_maskstore_ps(c + i, v, g);
  }
}
__attribute__((target("bmi,bmi2"))) static uint64_t bits(uint64_t x, uint64_t y) {
  return _pext_u64(x, y) + _pdep_u64(y, x) + _bzhi_u64(x, y & 63) + _blsr_u64(y) + _bextr_u64(x, y & 63, 20);
}

int main(void) {
  strings();
  printf("strings %016lx\n", sum);
  mathematics();
  printf("libm %016lx\n", sum);
  for (int i = 0; i < N; i++) {
    a[i] = (int)next() / 1e6f;
    b[i] = (int)next() / 1e7f;
    c[i] = d[i] = a[i] + b[i];
    e[i] = next();
  }
  for (int round = 0; round < 20; round++) {
    loops();
    add(c, sizeof c);
    add(d, sizeof d);
    add(e, sizeof e);
  }
  printf("loops %016lx\n", sum);
  for (int i = 0; i < 10000; i++) {
    uint64_t v = bits(next(), next());
    add(&v, sizeof v);
  }
  printf("bits %016lx\n", sum);
  fflush(stdout);
  if (getpid() == 1) {
    reboot(RB_POWER_OFF);
    for (;;) pause();
  }
  return 0;
}
