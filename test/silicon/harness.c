/*
 * Runs instruction sequences on the host CPU with given registers, flags, SSE and x87 state and memory, and reports the
 * state after them. x86-64 Linux. Formats: test/silicon/format.ts.
 *
 *   harness < cases > results
 *
 * Every case ends in a signal: code is followed (and its pages are filled) with UD2. The handler stores the case's result
 * from the signal frame, writes the next case's state into it, and returns into that case: the kernel loads all registers,
 * RSP included, and no assembly is needed.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define DATA 0x10000000ul
#define CODE 0x20000000ul
#define AREA 8192
#define MAGIC 0x49535654u
#define VERSION 1
/* Arithmetic flags and DF: what a case may set. */
#define FLAGS 0xcd5u

struct header { uint32_t magic, version, count, reserved; uint8_t pool[AREA]; };
struct test {
  uint16_t length;
  uint8_t code_length, patches;
  uint16_t code_offset, undefined;
  uint32_t flags, mxcsr;
  uint64_t gpr[16];
  uint16_t xmm[16], fpr[8];
  uint16_t fcw, fsw;
  uint8_t ftw, use_fpu; /* bit 7 of use_fpu: 32-bit code */
  uint16_t form;
  uint8_t code[];
};
struct result {
  uint16_t length;
  uint8_t vector, fpr_mask;
  uint32_t error;
  uint64_t rip, cr2;
  uint32_t flags, mxcsr;
  uint16_t gpr_mask, xmm_mask, words, fcw;
  uint16_t fsw, ftw;
  uint16_t upper_mask, reserved;
};

static const int order[16] = {
  REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
  REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static struct header *input;
static struct test *present;
/* CS of the cases that are not 64-bit code, and the base that their offsets count from. */
static int code_selector = 0x23;
static uint64_t code_base;
static uint32_t done;
static uint8_t *data = (uint8_t *)DATA, *code_alias;
static uint8_t expected[AREA];
static uint8_t *out, *out_end, *out_limit;

/* The upper halves of YMM0-15 in a signal frame, or NULL: component 2 of the standard XSAVE layout. */
static uint8_t *upper_halves(uint8_t *fx) {
  uint32_t magic;
  memcpy(&magic, fx + 464, 4);
  return magic == 0x46505853 && (*(uint64_t *)(fx + 472) & 4) ? fx + 576 : NULL;
}
/* Before the case: what the next register has below. */
static uint8_t *initial_upper(struct test *t, int i) { return input->pool + t->xmm[(i + 1) & 15]; }

static void fail(const char *what) { perror(what); exit(2); }

static void flush_output(void) {
  for (uint8_t *p = out; p < out_end;) {
    ssize_t n = write(1, p, out_end - p);
    if (n <= 0) _exit(3);
    p += n;
  }
  out_end = out;
}

static void load(ucontext_t *uc) {
  struct test *t = present;
  greg_t *g = uc->uc_mcontext.gregs;
  uint8_t *fx = (uint8_t *)uc->uc_mcontext.fpregs;
  for (int i = 0; i < 16; i++) g[order[i]] = t->gpr[i];
  g[REG_EFL] = (g[REG_EFL] & ~(greg_t)(FLAGS | 0x254000)) | (t->flags & FLAGS);
  g[REG_RIP] = CODE + t->code_offset - code_base;
  /* __USER_CS or __USER32_CS; fs and gs are not restored from here. */
  g[REG_CSGSFS] = (g[REG_CSGSFS] & ~(greg_t)0xffff) | (t->use_fpu & 0x80 ? code_selector : 0x33);
  memcpy(code_alias + t->code_offset, t->code, t->code_length);
  for (uint8_t *p = t->code + t->code_length, n = t->patches; n > 0; n--) {
    uint16_t offset, length;
    memcpy(&offset, p, 2);
    memcpy(&length, p + 2, 2);
    memcpy(data + offset, p + 4, length);
    memcpy(expected + offset, p + 4, length);
    p += 4 + length;
  }
  *(uint64_t *)(fx + 512) |= 3; /* XSTATE_BV: x87 and SSE come from here */
  *(uint16_t *)fx = t->fcw;
  *(uint16_t *)(fx + 2) = t->fsw;
  *(uint16_t *)(fx + 4) = t->ftw;
  *(uint32_t *)(fx + 24) = t->mxcsr;
  for (int i = 0; i < 8; i++) {
    memset(fx + 32 + 16 * i, 0, 16);
    if (t->use_fpu & 3) memcpy(fx + 32 + 16 * i, input->pool + t->fpr[i], 10);
    if ((t->use_fpu & 3) == 1) memset(fx + 40 + 16 * i, 0xff, 2); /* MMX: exponents as MMX writes leave them */
  }
  for (int i = 0; i < 16; i++) memcpy(fx + 160 + 16 * i, input->pool + t->xmm[i], 16);
  uint8_t *upper = upper_halves(fx);
  if (upper) {
    *(uint64_t *)(fx + 512) |= 4;
    for (int i = 0; i < 16; i++) memcpy(upper + 16 * i, initial_upper(t, i), 16);
  }
}

static void store(ucontext_t *uc, int timeout) {
  struct test *t = present;
  greg_t *g = uc->uc_mcontext.gregs;
  uint8_t *fx = (uint8_t *)uc->uc_mcontext.fpregs;
  struct result *r = (struct result *)out_end;
  memset(r, 0, sizeof *r);
  r->vector = timeout ? 255 : g[REG_TRAPNO];
  r->error = r->vector == 14 || r->vector == 13 || r->vector == 12 ? g[REG_ERR] : 0;
  r->cr2 = r->vector == 14 ? g[REG_CR2] : 0;
  r->rip = g[REG_RIP];
  r->flags = g[REG_EFL];
  r->mxcsr = *(uint32_t *)(fx + 24);
  r->fcw = *(uint16_t *)fx;
  r->fsw = *(uint16_t *)(fx + 2);
  r->ftw = *(uint16_t *)(fx + 4);
  uint8_t *p = (uint8_t *)(r + 1);
  for (int i = 0; i < 16; i++) if ((uint64_t)g[order[i]] != t->gpr[i]) {
    r->gpr_mask |= 1 << i;
    memcpy(p, &g[order[i]], 8);
    p += 8;
  }
  for (int i = 0; i < 16; i++) if (memcmp(fx + 160 + 16 * i, input->pool + t->xmm[i], 16)) {
    r->xmm_mask |= 1 << i;
    memcpy(p, fx + 160 + 16 * i, 16);
    p += 16;
  }
  uint8_t *upper = upper_halves(fx);
  if (upper) {
    if (!(*(uint64_t *)(fx + 512) & 4)) memset(upper, 0, 256);
    for (int i = 0; i < 16; i++) if (memcmp(upper + 16 * i, initial_upper(t, i), 16)) {
      r->upper_mask |= 1 << i;
      memcpy(p, upper + 16 * i, 16);
      p += 16;
    }
  }
  if (t->use_fpu & 3) for (int i = 0; i < 8; i++) {
    uint8_t before[16] = { 0 };
    memcpy(before, input->pool + t->fpr[i], 10);
    if ((t->use_fpu & 3) == 1) memset(before + 8, 0xff, 2);
    if (memcmp(fx + 32 + 16 * i, before, 10)) {
      r->fpr_mask |= 1 << i;
      memset(p, 0, 16);
      memcpy(p, fx + 32 + 16 * i, 10);
      p += 16;
    }
  }
  for (int block = 0; block < AREA; block += 256) {
    if (!memcmp(data + block, expected + block, 256)) continue;
    for (int at = block; at < block + 256; at += 8) {
      uint64_t now = *(uint64_t *)(data + at);
      if (now == *(uint64_t *)(expected + at)) continue;
      uint64_t entry[2] = { at, now };
      memcpy(p, entry, 16);
      p += 16;
      r->words++;
      memcpy(data + at, input->pool + at, 8);
    }
  }
  for (uint8_t *q = t->code + t->code_length, n = t->patches; n > 0; n--) {
    uint16_t offset, length;
    memcpy(&offset, q, 2);
    memcpy(&length, q + 2, 2);
    memcpy(data + offset, input->pool + offset, length);
    memcpy(expected + offset, input->pool + offset, length);
    q += 4 + length;
  }
  for (int i = t->code_offset; i < t->code_offset + t->code_length; i++) code_alias[i] = i & 1 ? 0x0b : 0x0f;
  r->length = p - (uint8_t *)r;
  out_end = p;
}

static void handler(int sig, siginfo_t *info, void *context) {
  static uint32_t tick_at = ~0u, ticks;
  ucontext_t *uc = context;
  (void)info;
  if (sig == SIGALRM) {
    ticks = tick_at == done ? ticks + 1 : 0;
    tick_at = done;
    if (ticks < 3) return;
  }
  if (sig != SIGUSR1) {
    store(uc, sig == SIGALRM);
    done++;
    present = (struct test *)((uint8_t *)present + present->length);
    if (done == input->count || out_limit - out_end < 32768) flush_output();
    if (done == input->count) _exit(0);
  }
  load(uc);
}

/* A code segment over the code pages that ends after `limit` more bytes, of 16- or 32-bit code. */
static void limit_code(unsigned limit, int bits) {
  struct user_desc entry = {
    .entry_number = 0, .base_addr = CODE, .limit = limit, .seg_32bit = bits == 32, .contents = 2, .read_exec_only = 0, .limit_in_pages = 0, .useable = 1,
  };
  if (syscall(SYS_modify_ldt, 1, &entry, sizeof entry)) fail("modify_ldt");
  code_selector = 7;
  code_base = CODE;
}

/* harness [LIMIT BITS]: then all cases are code of a segment with that limit. */
int main(int argc, char **argv) {
  if (argc == 3) limit_code(strtoul(argv[1], NULL, 0), atoi(argv[2]));
  size_t size = 0, capacity = 1 << 20;
  uint8_t *bytes = malloc(capacity);
  for (ssize_t n; (n = read(0, bytes + size, capacity - size)) > 0;) {
    size += n;
    if (size == capacity) bytes = realloc(bytes, capacity *= 2);
    if (!bytes) fail("memory");
  }
  input = (struct header *)bytes;
  if (size < sizeof *input || input->magic != MAGIC || input->version != VERSION || input->count == 0) {
    fputs("harness: no cases in this format on standard input\n", stderr);
    return 2;
  }
  present = (struct test *)(input + 1);

  int fd = memfd_create("code", 0);
  if (fd < 0 || ftruncate(fd, AREA)) fail("memfd");
  code_alias = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mmap((void *)CODE, AREA, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) != (void *)CODE) fail("code pages");
  if (mmap(data, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != data) fail("data pages");
  for (int i = 0; i < AREA; i++) code_alias[i] = i & 1 ? 0x0b : 0x0f;
  memcpy(data, input->pool, AREA);
  memcpy(expected, input->pool, AREA);
  out = out_end = malloc(1 << 20);
  out_limit = out + (1 << 20);

  stack_t alternate = { .ss_size = 1 << 18 };
  alternate.ss_sp = malloc(alternate.ss_size);
  if (sigaltstack(&alternate, NULL)) fail("sigaltstack");
  struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  sigfillset(&action.sa_mask);
  static const int signals[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS, SIGALRM, SIGUSR1 };
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) if (sigaction(signals[i], &action, NULL)) fail("sigaction");
  struct itimerval timer = { { 0, 100000 }, { 0, 100000 } };
  setitimer(ITIMER_REAL, &timer, NULL);
  /* 32-bit code needs flat data segments; 64-bit code does not look at them. */
  __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b));
  raise(SIGUSR1);
  return 4;
}
