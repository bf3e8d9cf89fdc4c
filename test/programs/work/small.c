/* Compiled and run in the guest: integers of all widths, floats in all types, sorting, recursion, strings, formats, varargs. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 88172645463325252u;
static uint64_t next(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}

#define ARITHMETIC(T, U, F)                                                                                                  \
  static void arithmetic_##T(void) {                                                                                         \
    for (int i = 0; i < 40; i++) {                                                                                           \
      T a = (T)next(), b = (T)next();                                                                                        \
      if (i % 5 == 0) b = (T)(b & 7);                                                                                        \
      int s = next() % (8 * sizeof(T));                                                                                      \
      U ua = (U)a, ub = (U)b;                                                                                                \
      printf("%" F " %" F " %" F " %" F " %" F " %" F " %" F " %d%d%d ", (T)(ua + ub), (T)(ua - ub), (T)((uint64_t)ua * ub),  \
             b ? (T)(ua / (ub ? ub : 1)) : (T)0, (T)(ua << s), (T)(a >> s), (T)(ua >> s | (s ? ua << (8 * sizeof(T) - s) : 0)), a < b, ua < ub, a == b); \
      T m; printf("%d%d%d\n", __builtin_add_overflow(a, b, &m), __builtin_mul_overflow(a, b, &m), __builtin_sub_overflow(a, b, &m)); \
    }                                                                                                                        \
  }
ARITHMETIC(int8_t, uint8_t, PRId8)
ARITHMETIC(int16_t, uint16_t, PRId16)
ARITHMETIC(int32_t, uint32_t, PRId32)
ARITHMETIC(int64_t, uint64_t, PRId64)

static void wide(void) {
  for (int i = 0; i < 60; i++) {
    unsigned __int128 a = (unsigned __int128)next() << 64 | next(), b = i % 3 ? next() : (unsigned __int128)(next() >> 20) << 64 | next();
    unsigned __int128 q = a / b, r = a % b, p = a * b;
    printf("%016" PRIx64 "%016" PRIx64 " %016" PRIx64 "%016" PRIx64 " %016" PRIx64 "%016" PRIx64 " %g\n", (uint64_t)(q >> 64), (uint64_t)q, (uint64_t)(r >> 64), (uint64_t)r,
           (uint64_t)(p >> 64), (uint64_t)p, (double)a);
  }
}

static void floats(void) {
  for (int i = 0; i < 80; i++) {
    uint64_t bits = next();
    double x, y = (double)(int64_t)next() / 1e15;
    memcpy(&x, &bits, 8);
    if (i % 2) x = y * 3 - 1;
    float f = (float)x, g = (float)y;
    long double l = x, m = y;
    printf("%a %a %a %a %a ", x + y, x * y, x / y, x - y, sqrt(fabs(x)));
    printf("%a %a %a %La %La %La ", f * g, f / g, f + g, l * m + 1, l / m, sqrtl(fabsl(m)));
    printf("%d %d %ld %u %d%d%d%d ", (int)y, (int)g, lrint(y), (unsigned)fabs(y), x < y, isnan(x), f == (float)x, signbit(x) != 0);
    printf("%.12g %.12g %.12g %.15Lg\n", sin(y), exp(y / 1000), cbrt(y), logl(fabsl(m) + 1) + sinl(m));
  }
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}
static unsigned ackermann(unsigned m, unsigned n) { return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)); }
static double total(int n, ...) {
  va_list l;
  double sum = 0;
  va_start(l, n);
  while (n-- > 0) sum += n % 2 ? va_arg(l, double) : va_arg(l, int);
  va_end(l);
  return sum;
}
static const char *state(int c) {
  switch (c) {
    case 0: return "zero";
    case 3: return "three";
    case 4: case 9: return "square";
    case 17: return "prime";
    case 100 ... 200: return "range";
    default: return "other";
  }
}

int main(void) {
  static uint32_t v[20000];
  static char text[4096];
  jmp_buf jump;
  arithmetic_int8_t(), arithmetic_int16_t(), arithmetic_int32_t(), arithmetic_int64_t();
  wide(), floats();
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) v[i] = (uint32_t)next();
  qsort(v, sizeof v / sizeof *v, sizeof *v, compare);
  for (size_t i = 0; i < sizeof v / sizeof *v; i += 997) printf("%" PRIu32 " ", v[i]);
  printf("\n%u %g\n", ackermann(2, 300), total(6, 1.5, 2, 2.25, 4, -8.0, 7));
  for (int i = 0; i < 210; i += 3) printf("%s ", state(i));
  for (int i = 0, n = 0; i < 500; i++) n += snprintf(text + n, sizeof text - n, "%" PRIx64 "%c", next() & 0xffff, i % 9 ? ' ' : '\n');
  int words = 0;
  for (char *w = strtok(text, " \n"); w; w = strtok(NULL, " \n")) words += strlen(w) * (strtoul(w, NULL, 16) % 13);
  printf("\n%d %ld %lu %g %d\n", words, strtol("-0x7fff", NULL, 0), strtoul("777", NULL, 8), strtod("1.7976931348623157e308", NULL), atoi(" -42x"));
  volatile int tries = 0;
  if (setjmp(jump) < 3) longjmp(jump, ++tries);
  printf("%d %a %a %La\n", tries, (double)FLT_MIN / 3, DBL_MAX, LDBL_MIN);
  return 17;
}
