/*
 * A write load whose traces can be checked after a crash.
 *
 *   load FOLDER        writes for ever; "SYNCED n" says that everything up to operation n was flushed (sync)
 *   load FOLDER check  what FOLDER holds must be what the last sync left, or an operation that came after it
 *
 * Operation n changes file n's hash modulo FILES: a new content replaces it by rename, or it is removed. The table `state` says
 * which operation each file had last when it was written; it is replaced like the files, before each sync.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 96, FOLDERS = 8, EVERY = 12, WORDS = 12288 };
/* What a file holds whose name was flushed before its data: ext4 promises more only where a file was there already. */
#define EMPTY 0xffffffffu

struct state {
  uint32_t magic, n;
  /* Operation that each file had last; 0: none. */
  uint32_t last[FILES];
  uint32_t sum;
};

static uint32_t hash(uint32_t x) {
  x ^= x >> 16; x *= 0x7feb352du; x ^= x >> 15; x *= 0x846ca68bu; x ^= x >> 16;
  return x;
}
static int target(uint32_t n) { return hash(n) % FILES; }
static int removes(uint32_t n) { return hash(n ^ 0x5555) % 6 == 0; }
/* Its new content is flushed before it gets its name. */
static int flushes(uint32_t n) { return n % 2; }
/* Words of the content of operation n: some small, some of many clusters. */
static int words(uint32_t n) { uint32_t h = hash(n ^ 0x1234); return h % 4 ? 4 + h % 1024 : 4 + h % (WORDS - 4); }

static uint32_t buffer[WORDS];

static void fill(uint32_t n) {
  int count = words(n);
  uint32_t x = hash(n) | 1;
  buffer[0] = 0x44555241; buffer[1] = n; buffer[2] = count;
  for (int i = 3; i < count; i++) { x ^= x << 13; x ^= x >> 17; x ^= x << 5; buffer[i] = x; }
}

static void die(const char *what) { printf("LOAD FAILED: %s: %s\n", what, strerror(errno)); exit(1); }

static void replace(const char *path, const void *data, size_t bytes, int flush) {
  char temporary[64];
  snprintf(temporary, sizeof temporary, "%s.new", path);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) die(temporary);
  if (write(fd, data, bytes) != (ssize_t)bytes) die(temporary);
  if (flush && fsync(fd) != 0) die(temporary);
  if (close(fd) != 0) die(temporary);
  if (rename(temporary, path) != 0) die(path);
}

static void name(char *path, int file) { sprintf(path, "d%d/f%d", file % FOLDERS, file); }

static uint32_t sum(const struct state *s) {
  uint32_t x = s->magic ^ s->n;
  for (int i = 0; i < FILES; i++) x = hash(x + s->last[i]);
  return x;
}

static int readState(struct state *s) {
  int fd = open("state", O_RDONLY);
  if (fd < 0) { memset(s, 0, sizeof *s); s->magic = 0x53544154; s->sum = sum(s); return 0; }
  ssize_t got = read(fd, s, sizeof *s);
  close(fd);
  if (got != sizeof *s || s->sum != sum(s)) { printf("CHECK FAILED: state is torn\n"); exit(1); }
  return 1;
}

/* The operation whose content a file holds; 0: it is not there; EMPTY. */
static uint32_t holds(int file) {
  static uint32_t found[WORDS + 1];
  char path[64];
  name(path, file);
  int fd = open(path, O_RDONLY);
  if (fd < 0) return 0;
  ssize_t got = read(fd, found, sizeof found);
  close(fd);
  if (got == 0) return EMPTY;
  uint32_t n = got >= 12 ? found[1] : 0;
  if (n == 0 || found[0] != 0x44555241 || target(n) != file || removes(n)) {
    printf("CHECK FAILED: %s, %zd bytes, holds %x %u\n", path, got, found[0], n);
    exit(1);
  }
  fill(n);
  if (got != words(n) * 4 || memcmp(found, buffer, got) != 0) { printf("CHECK FAILED: %s is torn\n", path); exit(1); }
  return n;
}

static void check(struct state *s) {
  int there = readState(s);
  int newer = 0;
  for (int file = 0; file < FILES; file++) {
    uint32_t n = holds(file), least = s->last[file];
    int fine = n == (least != 0 && !removes(least) ? least : 0);
    /* Operations that the next sync was to flush. */
    for (uint32_t later = s->n + 1; !fine && later <= s->n + EVERY; later++) {
      fine = target(later) == file && (removes(later) ? n == 0 : n == later || (n == EMPTY && !flushes(later)));
      if (fine) newer++, s->last[file] = n == EMPTY ? 0 : later;
    }
    if (fine && n == EMPTY) {
      char path[64];
      name(path, file);
      unlink(path);
    }
    if (!fine) { printf("CHECK FAILED: file %d holds %u, at least %u was flushed by %u\n", file, n, least, s->n); exit(1); }
  }
  if (there) s->n += EVERY;
  s->sum = sum(s);
  printf("CHECKED %u, %d newer\n", there ? s->n - EVERY : 0, newer);
}

static void flushState(struct state *s) {
  s->sum = sum(s);
  replace("state", s, sizeof *s, 0);
  sync();
}

static void load(struct state *s) {
  char path[64];
  /* What the check has found, before there is anything newer. */
  flushState(s);
  for (uint32_t n = s->n + 1;; n++) {
    int file = target(n);
    name(path, file);
    if (removes(n)) {
      if (unlink(path) != 0 && errno != ENOENT) die(path);
    } else {
      fill(n);
      replace(path, buffer, words(n) * 4, flushes(n));
    }
    s->last[file] = n;
    if (n % EVERY != 0) continue;
    s->n = n;
    flushState(s);
    printf("SYNCED %u\n", n);
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  struct state s;
  if (argc < 2 || chdir(argv[1]) != 0) die("folder");
  for (int i = 0; i < FOLDERS; i++) {
    sprintf((char *)buffer, "d%d", i);
    mkdir((char *)buffer, 0755);
  }
  check(&s);
  if (argc > 2) return 0;
  /* Numbers go on with a whole round of operations. */
  s.n = (s.n + EVERY - 1) / EVERY * EVERY;
  load(&s);
  return 0;
}
