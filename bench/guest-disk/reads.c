/*
 * Reads or fills a disk past the page cache: `reads DEVICE BLOCK COUNT random|sequential|fill`. Reading prints a checksum of the blocks; filling
 * writes numbers that are the same each time, and ends when the disk says that they are stable.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t next(uint64_t *state) {
  *state ^= *state << 13; *state ^= *state >> 7; *state ^= *state << 17;
  return *state;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  size_t block = strtoul(argv[2], 0, 10);
  unsigned long count = strtoul(argv[3], 0, 10);
  int random = strcmp(argv[4], "random") == 0, fill = strcmp(argv[4], "fill") == 0;
  int fd = open(argv[1], (fill ? O_RDWR : O_RDONLY) | O_DIRECT);
  if (fd < 0) { perror(argv[1]); return 1; }
  off_t blocks = lseek(fd, 0, SEEK_END) / block;
  void *buffer;
  if (posix_memalign(&buffer, 4096, block) != 0) return 1;
  uint64_t state = 88172645463325252u, sum = 0, *words = buffer;
  if (fill)
    for (size_t i = 0; i < block / 8; i++) words[i] = next(&state);
  for (unsigned long i = 0; i < count; i++) {
    off_t at = (random ? next(&state) % blocks : i % blocks) * block;
    if (fill) {
      /* Every 4 KiB of the disk differ. */
      for (size_t j = 0; j < block / 8; j += 512) words[j] = next(&state);
      if (pwrite(fd, buffer, block, at) != (ssize_t)block) { perror("pwrite"); return 1; }
      continue;
    }
    if (pread(fd, buffer, block, at) != (ssize_t)block) { perror("pread"); return 1; }
    sum = sum * 31 + *words;
  }
  if (fill && fsync(fd) != 0) { perror("fsync"); return 1; }
  printf("sum %016llx\n", (unsigned long long)sum);
  return 0;
}
