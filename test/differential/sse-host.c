/* Runs single instructions on the host CPU: reads cases from standard input, writes them back with the state afterwards. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Mirrored in silicon.ts. */
struct state {
  uint8_t code[16];
  uint32_t length, trap;
  uint64_t gpr[4]; /* RAX RCX RDX RBX */
  uint64_t flags, rdi, reserved;
  uint8_t fx[512]; /* FXSAVE64 image */
  uint8_t memory[64];
  uint8_t upper[256]; /* upper halves of YMM0-15 */
} __attribute__((aligned(16)));

#define MEMORY 0x10000000ul
static sigjmp_buf back;
static struct state *current;

void run_case(struct state *s, void *code, long avx);
__asm__(
  ".intel_syntax noprefix\n"
  ".globl run_case\n"
  "run_case:\n"
  "push rbx; push rbp; push r12; push r13; push r14; push r15\n"
  "mov r15, rdi; mov r14, rsi\n"
  "mov r13, rdx\n"
  "fxrstor64 [r15 + 80]\n"
  "test r13, r13; jz 1f\n"
  "vinsertf128 ymm0, ymm0, [r15 + 656], 1\n"
  "vinsertf128 ymm1, ymm1, [r15 + 672], 1\n"
  "vinsertf128 ymm2, ymm2, [r15 + 688], 1\n"
  "vinsertf128 ymm3, ymm3, [r15 + 704], 1\n"
  "vinsertf128 ymm4, ymm4, [r15 + 720], 1\n"
  "vinsertf128 ymm5, ymm5, [r15 + 736], 1\n"
  "vinsertf128 ymm6, ymm6, [r15 + 752], 1\n"
  "vinsertf128 ymm7, ymm7, [r15 + 768], 1\n"
  "vinsertf128 ymm8, ymm8, [r15 + 784], 1\n"
  "vinsertf128 ymm9, ymm9, [r15 + 800], 1\n"
  "vinsertf128 ymm10, ymm10, [r15 + 816], 1\n"
  "vinsertf128 ymm11, ymm11, [r15 + 832], 1\n"
  "vinsertf128 ymm12, ymm12, [r15 + 848], 1\n"
  "vinsertf128 ymm13, ymm13, [r15 + 864], 1\n"
  "vinsertf128 ymm14, ymm14, [r15 + 880], 1\n"
  "vinsertf128 ymm15, ymm15, [r15 + 896], 1\n"
  "1:\n"
  "push qword ptr [r15 + 56]; popfq\n"
  "mov rax, [r15 + 24]; mov rcx, [r15 + 32]; mov rdx, [r15 + 40]; mov rbx, [r15 + 48]; mov rdi, [r15 + 64]\n"
  "call r14\n"
  "pushfq; pop qword ptr [r15 + 56]\n"
  "mov [r15 + 24], rax; mov [r15 + 32], rcx; mov [r15 + 40], rdx; mov [r15 + 48], rbx\n"
  "fxsave64 [r15 + 80]\n"
  "test r13, r13; jz 2f\n"
  "vextractf128 [r15 + 656], ymm0, 1\n"
  "vextractf128 [r15 + 672], ymm1, 1\n"
  "vextractf128 [r15 + 688], ymm2, 1\n"
  "vextractf128 [r15 + 704], ymm3, 1\n"
  "vextractf128 [r15 + 720], ymm4, 1\n"
  "vextractf128 [r15 + 736], ymm5, 1\n"
  "vextractf128 [r15 + 752], ymm6, 1\n"
  "vextractf128 [r15 + 768], ymm7, 1\n"
  "vextractf128 [r15 + 784], ymm8, 1\n"
  "vextractf128 [r15 + 800], ymm9, 1\n"
  "vextractf128 [r15 + 816], ymm10, 1\n"
  "vextractf128 [r15 + 832], ymm11, 1\n"
  "vextractf128 [r15 + 848], ymm12, 1\n"
  "vextractf128 [r15 + 864], ymm13, 1\n"
  "vextractf128 [r15 + 880], ymm14, 1\n"
  "vextractf128 [r15 + 896], ymm15, 1\n"
  "vzeroupper\n"
  "2:\n"
  "cld; fninit\n"
  "pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx\n"
  "ret\n"
  ".att_syntax\n");

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
  current->trap = (uint32_t)m->gregs[REG_TRAPNO];
  current->gpr[0] = m->gregs[REG_RAX];
  current->gpr[1] = m->gregs[REG_RCX];
  current->gpr[2] = m->gregs[REG_RDX];
  current->gpr[3] = m->gregs[REG_RBX];
  current->flags = m->gregs[REG_EFL];
  memcpy(current->fx, m->fpregs, 512);
  /* The XSAVE image behind it: the header's XSTATE_BV says whether the upper halves are there. */
  const uint8_t *image = (const uint8_t *)m->fpregs;
  if (image[512] & 4) memcpy(current->upper, image + 576, 256);
  else memset(current->upper, 0, 256);
  siglongjmp(back, 1);
}

int main(void) {
  static uint8_t stack[65536];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  int signals[] = {SIGFPE, SIGSEGV, SIGILL, SIGBUS};
  for (int i = 0; i < 4; i++) sigaction(signals[i], &action, NULL);
  uint8_t *memory = mmap((void *)MEMORY, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != (uint8_t *)MEMORY || code == MAP_FAILED) return 2;
  static struct state s;
  long avx = __builtin_cpu_supports("avx") != 0;
  while (fread(&s, sizeof s, 1, stdin) == 1) {
    current = &s;
    memcpy(code, s.code, s.length);
    code[s.length] = 0xc3;
    memcpy(memory, s.memory, 64);
    s.trap = 0;
    if (sigsetjmp(back, 1) == 0) run_case(&s, code, avx);
    else __asm__ volatile("fninit; cld");
    uint32_t mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    memcpy(s.memory, memory, 64);
    fwrite(&s, sizeof s, 1, stdout);
  }
  return 0;
}
