/* What goes through the kernel: system calls, processes, page faults, signals, files in memory. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t parent_id(uint64_t count) {
  uint64_t same = 0;
  long parent = syscall(SYS_getppid);
  for (uint64_t i = 0; i < count; i++) same += syscall(SYS_getppid) == parent;
  return bench_mix(1, same);
}

/* The child's exit code; a child that ended otherwise ends the program. */
static uint64_t wait_for(pid_t child) {
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) bench_fail("a child process failed");
  return (uint64_t)WEXITSTATUS(status);
}

/* A byte there, and a byte that was made from it back. */
static uint64_t pipe_ping_pong(uint64_t count) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) bench_fail("pipe");
  pid_t child = fork();
  uint8_t byte;
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &byte, 1) == 1) {
      byte = (uint8_t)(byte * 5 + 3);
      if (write(back[1], &byte, 1) != 1) _exit(1);
    }
    _exit(7);
  }
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    byte = (uint8_t)i;
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) bench_fail("pipe: short");
    sum = bench_mix(sum, byte);
  }
  close(there[1]);
  close(there[0]);
  sum = bench_mix(sum, wait_for(child));
  close(back[0]);
  close(back[1]);
  return sum;
}

static uint64_t fork_only(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit((int)(i % 100));
    sum = bench_mix(sum, wait_for(child));
  }
  return sum;
}

/* The file of this program, which ends at once with the code that it is given. */
static uint64_t fork_exec(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) {
      char code[8];
      snprintf(code, sizeof code, "%d", (int)(i % 100));
      execl(bench_self, bench_self, "--exit", code, (char *)0);
      _exit(127);
    }
    sum = bench_mix(sum, wait_for(child));
  }
  return sum;
}

/* 256 fresh pages, each touched once; then a private copy of each of 256 shared ones. */
static uint64_t page_fault(uint64_t count) {
  enum { PAGES = 256, SIZE = PAGES * 4096 };
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint8_t *area = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) bench_fail("mmap");
    /* A huge page would take all of it at once. */
    madvise(area, SIZE, MADV_NOHUGEPAGE);
    for (int page = 0; page < PAGES; page++) sum += area[page * 4096 + 5];
    for (int page = 0; page < PAGES; page++) area[page * 4096 + 5] = (uint8_t)(page + i);
    for (int page = 0; page < PAGES; page++) sum = bench_mix(sum, area[page * 4096 + 5]);
    munmap(area, SIZE);
  }
  return sum;
}

static volatile sig_atomic_t caught;
static void catch_signal(int number) { caught += number == SIGUSR1; }

static uint64_t signal_self(uint64_t count) {
  struct sigaction action = {.sa_handler = catch_signal};
  sigaction(SIGUSR1, &action, 0);
  pid_t self = getpid();
  for (uint64_t i = 0; i < count; i++)
    if (kill(self, SIGUSR1) != 0) bench_fail("kill");
  return bench_mix(3, (uint64_t)caught);
}

/* 64 KiB into a new file in pieces of 4 KiB, read back, and removed. */
static uint64_t temporary_file(uint64_t count) {
  enum { PIECE = 4096, PIECES = 16 };
  static uint8_t piece[PIECE];
  const char *folder = getenv("BENCH_TMP");
  char path[256];
  snprintf(path, sizeof path, "%s/bench-%d", folder == 0 ? "/tmp" : folder, (int)getpid());
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file < 0) bench_fail("cannot make a temporary file");
    for (int n = 0; n < PIECES; n++) {
      memset(piece, (int)(i + (uint64_t)n), PIECE);
      if (write(file, piece, PIECE) != PIECE) bench_fail("cannot write the temporary file");
    }
    lseek(file, 0, SEEK_SET);
    for (int n = 0; n < PIECES; n++) {
      if (read(file, piece, PIECE) != PIECE) bench_fail("cannot read the temporary file");
      sum = bench_mix(sum, piece[n * 255]);
    }
    close(file);
    unlink(path);
  }
  return sum;
}

const struct program system_programs[] = {{"getppid", 0, parent_id},   {"pipe", 0, pipe_ping_pong}, {"fork", 0, fork_only},        {"fork-exec", 0, fork_exec},
                                          {"page-fault", 0, page_fault}, {"signal", 0, signal_self},  {"tmpfile", 0, temporary_file}, {0, 0, 0}};
