/*
 * All benchmark programs in one file.
 *
 *   programs NAME COUNT             runs one, natively: prints its END line
 *   programs --wait NAME COUNT      the same for a host at the other end of a serial line: prints "BEGIN NAME", waits for a
 *                                   line, runs, prints "END NAME CHECKSUM NANOSECONDS", waits for another line
 *   programs --wait --run FILE ...  starts another program instead, and waits for its end; the checksum is its exit code
 *   programs --serve                takes such arguments line by line, runs each in a process of its own, and prints
 *                                   "DONE CODE" after each; an empty line ends it
 *   programs --exit CODE            does nothing
 *
 * The waits let the host take its times: a guest that waits for input has sent all of its output.
 */
#define _GNU_SOURCE
#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

const char *bench_self;

void bench_fail(const char *what) {
  fprintf(stderr, "FAIL %s\n", what);
  exit(1);
}

void *bench_allocate(size_t bytes) {
  void *area = calloc(1, bytes);
  if (area == 0) bench_fail("out of memory");
  return area;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void say(const char *line) {
  size_t length = strlen(line);
  if (write(1, line, length) != (ssize_t)length) exit(2);
}

/* False at the end of input. Bytes that do not fit are dropped. */
static int read_line(char *line, size_t size) {
  size_t length = 0;
  for (char byte;;) {
    if (read(0, &byte, 1) != 1) return 0;
    if (byte == '\n') break;
    if (length + 1 < size) line[length++] = byte;
  }
  line[length] = 0;
  return 1;
}

static const struct program *find_program(const char *name) {
  static const struct program *const tables[] = {integer_programs, compress_programs, float_programs, memory_programs, system_programs};
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const struct program *p = tables[t]; p->name != 0; p++)
      if (strcmp(p->name, name) == 0) return p;
  return 0;
}

/* Runs a file with arguments; its output goes where this program's errors go, so that it does not mix with the marks. */
static uint64_t run_file(char **command) {
  pid_t child = fork();
  if (child == 0) {
    dup2(2, 1);
    execv(command[0], command);
    _exit(127);
  }
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child) bench_fail("cannot start a process");
  return (uint64_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* `arguments`: NAME COUNT, or --run FILE and what it is given. */
static int run(char **arguments, int wait) {
  char line[160];
  const struct program *program = 0;
  uint64_t count = 0;
  char **command = 0;
  const char *name = arguments[0];
  if (strcmp(name, "--run") == 0 && arguments[1] != 0) {
    command = arguments + 1;
    name = command[0];
  } else {
    program = find_program(name);
    if (program == 0) bench_fail("no program of that name");
    count = arguments[1] == 0 ? 1 : strtoull(arguments[1], 0, 10);
    if (program->prepare != 0) program->prepare();
  }
  if (wait) {
    snprintf(line, sizeof line, "BEGIN %s\n", name);
    say(line);
    if (!read_line(line, sizeof line)) return 2;
  }
  uint64_t from = now_ns();
  uint64_t checksum = program == 0 ? run_file(command) : program->run(count);
  uint64_t to = now_ns();
  snprintf(line, sizeof line, "END %s %016llx %llu\n", name, (unsigned long long)checksum, (unsigned long long)(to - from));
  say(line);
  if (wait && !read_line(line, sizeof line)) return 2;
  return 0;
}

static void raw_terminal(void) {
  struct termios terminal;
  if (tcgetattr(0, &terminal) != 0) return;
  cfmakeraw(&terminal);
  tcsetattr(0, TCSANOW, &terminal);
}

static int serve(void) {
  char line[512];
  raw_terminal();
  say("READY\n");
  while (read_line(line, sizeof line) && line[0] != 0) {
    char *arguments[32] = {(char *)bench_self, "--wait"};
    size_t count = 2;
    for (char *word = strtok(line, " "); word != 0 && count < 31; word = strtok(0, " ")) arguments[count++] = word;
    pid_t child = fork();
    if (child == 0) {
      execv(bench_self, arguments);
      _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) bench_fail("cannot start a process");
    snprintf(line, sizeof line, "DONE %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    say(line);
  }
  return 0;
}

int main(int argc, char **argv) {
  bench_self = argv[0];
  if (argc == 2 && strcmp(argv[1], "--serve") == 0) return serve();
  if (argc == 3 && strcmp(argv[1], "--exit") == 0) return atoi(argv[2]);
  if (argc >= 3 && strcmp(argv[1], "--wait") == 0) return run(argv + 2, 1);
  if (argc >= 2) return run(argv + 1, 0);
  bench_fail("usage: programs NAME COUNT");
}
