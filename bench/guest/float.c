/*
 * Floating-point programs. Their checksums are made from the exact bits: -O2 for plain x86-64 contracts nothing, so every
 * IEEE 754 machine gets the same. Only libm's results are rounded first, because glibc picks another variant of a function
 * where the CPU has FMA.
 */
#include "bench.h"
#include <math.h>
#include <string.h>

static uint64_t bits(double value) {
  uint64_t result;
  memcpy(&result, &value, 8);
  return result;
}

/* The Sun and four planets; units: AU, years of 365.24 days, solar masses with G folded in. */
enum { BODIES = 5 };
static struct body {
  double x, y, z, vx, vy, vz, mass;
} bodies[BODIES];

static void prepare_nbody(void) {
  uint64_t state = 5;
  static const double distances[BODIES] = {0, 5.2, 9.58, 19.2, 30.05}, masses[BODIES] = {39.478, 0.0377, 0.0113, 0.00172, 0.00203};
  for (int i = 0; i < BODIES; i++) {
    struct body *b = &bodies[i];
    double r = distances[i], speed = i == 0 ? 0 : sqrt(39.478 / r), tilt = (double)(bench_random(&state) >> 56) / 8192;
    *b = (struct body){r * (i & 1 ? 1 : -1), r * tilt, r * tilt / 3, speed * tilt, speed * (i & 1 ? 1 : -1), speed * tilt / 7, masses[i]};
  }
}

static uint64_t nbody(uint64_t count) {
  const double dt = 0.01;
  for (uint64_t step = 0; step < count; step++) {
    for (int i = 0; i < BODIES; i++) {
      struct body *a = &bodies[i];
      for (int j = i + 1; j < BODIES; j++) {
        struct body *b = &bodies[j];
        double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
        double square = dx * dx + dy * dy + dz * dz, scale = dt / (square * sqrt(square));
        a->vx -= dx * b->mass * scale, a->vy -= dy * b->mass * scale, a->vz -= dz * b->mass * scale;
        b->vx += dx * a->mass * scale, b->vy += dy * a->mass * scale, b->vz += dz * a->mass * scale;
      }
    }
    for (int i = 0; i < BODIES; i++) {
      struct body *b = &bodies[i];
      b->x += dt * b->vx, b->y += dt * b->vy, b->z += dt * b->vz;
    }
  }
  uint64_t sum = 0;
  for (int i = 0; i < BODIES; i++) sum = bench_mix(bench_mix(bench_mix(sum, bits(bodies[i].x)), bits(bodies[i].vy)), bits(bodies[i].z));
  return sum;
}

/* `count` rows of 256 points, at most 200 turns each. */
static uint64_t mandelbrot(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t row = 0; row < count; row++) {
    double ci = -1.2 + 2.4 * (double)(row * 37 % 256) / 256;
    uint64_t turns = 0;
    for (int column = 0; column < 256; column++) {
      double cr = -2 + 3 * (double)column / 256, r = 0, i = 0, rr = 0, ii = 0;
      int turn = 0;
      for (; turn < 200 && rr + ii <= 4; turn++) {
        i = 2 * r * i + ci;
        r = rr - ii + cr;
        rr = r * r, ii = i * i;
      }
      turns += (uint64_t)turn;
      sum = bench_mix(sum, bits(r));
    }
    sum = bench_mix(sum, turns);
  }
  return sum;
}

enum { N = 96 };
static double left[N][N], right[N][N], product[N][N];

static void prepare_matrices(void) {
  uint64_t state = 11;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      left[i][j] = (double)(int64_t)(bench_random(&state) >> 40) / 65536 - 128;
      right[i][j] = (double)(int64_t)(bench_random(&state) >> 40) / 65536 - 128;
    }
}

static uint64_t matrix_product(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t round = 0; round < count; round++) {
    left[round % N][0] += 1;
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) product[i][j] = 0;
      for (int k = 0; k < N; k++) {
        double factor = left[i][k];
        for (int j = 0; j < N; j++) product[i][j] += factor * right[k][j];
      }
    }
    for (int i = 0; i < N; i++) sum = bench_mix(sum, bits(product[i][(i * 7 + (int)(round % N)) % N]));
  }
  return sum;
}

/* To a multiple of 2^-32: far coarser than the differences between glibc's variants. */
static uint64_t coarse(double value) { return (uint64_t)(int64_t)floor(value * 4294967296.0 + 0.5); }

static uint64_t libm(uint64_t count) {
  uint64_t state = 13, sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    double x = (double)(bench_random(&state) >> 11) / 9007199254740992.0; /* 0 to 1 */
    double angle = x * 50 - 25;
    sum = bench_mix(sum, coarse(sin(angle)) + coarse(cos(angle + 1)));
    sum = bench_mix(sum, coarse(exp(x * 4 - 2)) + coarse(log(x + 0.001)));
    sum = bench_mix(sum, coarse(pow(x + 0.5, 3 * x)) + coarse(atan2(angle, x + 1)));
    sum = bench_mix(sum, coarse(cbrt(angle)) + coarse(tanh(x - 0.5)));
  }
  return sum;
}

/* Single precision: vectors made unit length and reflected, a polynomial, a filter over the results. */
enum { VECTORS = 1024 };
static struct {
  float x, y, z;
} vectors[VECTORS];
static float levels[VECTORS + 8];

static void prepare_single(void) {
  uint64_t state = 17;
  for (int i = 0; i < VECTORS; i++) {
    vectors[i].x = (float)(int64_t)(bench_random(&state) >> 50) - 8192;
    vectors[i].y = (float)(int64_t)(bench_random(&state) >> 50) - 8191.5f;
    vectors[i].z = (float)(int64_t)(bench_random(&state) >> 50) - 8191.25f;
  }
}

static uint64_t single(uint64_t count) {
  static const float taps[8] = {0.03f, 0.11f, 0.19f, 0.25f, 0.21f, 0.13f, 0.06f, 0.02f};
  uint64_t sum = 0;
  for (uint64_t round = 0; round < count; round++) {
    float lx = 0.48f, ly = 0.6f, lz = 0.64f;
    for (int i = 0; i < VECTORS; i++) {
      float x = vectors[i].x, y = vectors[i].y, z = vectors[i].z;
      float scale = 1 / sqrtf(x * x + y * y + z * z);
      x *= scale, y *= scale, z *= scale;
      float along = x * lx + y * ly + z * lz, lit = along > 0 ? along : 0;
      float square = lit * lit;
      levels[i] = 0.1f + lit * 0.5f + square * (0.3f + square * (0.2f - 0.1f * square));
      vectors[i].x = x - 2 * along * lx, vectors[i].y = y - 2 * along * ly, vectors[i].z = z - 2 * along * lz + 0.001f;
    }
    float total = 0;
    for (int i = 0; i < VECTORS; i++) {
      float level = 0;
      for (int tap = 0; tap < 8; tap++) level += taps[tap] * levels[i + tap];
      total = total * 0.999f + level;
    }
    uint32_t raw;
    memcpy(&raw, &total, 4);
    sum = bench_mix(sum, raw);
  }
  return sum;
}

const struct program float_programs[] = {{"nbody", prepare_nbody, nbody},
                                         {"mandelbrot", 0, mandelbrot},
                                         {"matmul", prepare_matrices, matrix_product},
                                         {"libm", 0, libm},
                                         {"single", prepare_single, single},
                                         {0, 0, 0}};
