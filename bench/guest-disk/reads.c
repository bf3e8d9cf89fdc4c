/* Reads a disk past the page cache: `reads DEVICE BLOCK COUNT random|sequential`. Prints a checksum of the blocks. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  size_t block = strtoul(argv[2], 0, 10);
  unsigned long count = strtoul(argv[3], 0, 10);
  int random = strcmp(argv[4], "random") == 0;
  int fd = open(argv[1], O_RDONLY | O_DIRECT);
  if (fd < 0) { perror(argv[1]); return 1; }
  off_t blocks = lseek(fd, 0, SEEK_END) / block;
  void *buffer;
  if (posix_memalign(&buffer, 4096, block) != 0) return 1;
  uint64_t state = 88172645463325252u, sum = 0;
  for (unsigned long i = 0; i < count; i++) {
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    off_t at = (random ? state % blocks : i % blocks) * block;
    if (pread(fd, buffer, block, at) != (ssize_t)block) { perror("pread"); return 1; }
    sum = sum * 31 + *(uint64_t *)buffer;
  }
  printf("sum %016llx\n", (unsigned long long)sum);
  return 0;
}
