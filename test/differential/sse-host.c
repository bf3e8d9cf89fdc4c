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
} __attribute__((aligned(16)));

#define MEMORY 0x10000000ul
static sigjmp_buf back;
static struct state *current;

void run_case(struct state *s, void *code);
__asm__(
  ".intel_syntax noprefix\n"
  ".globl run_case\n"
  "run_case:\n"
  "push rbx; push rbp; push r12; push r13; push r14; push r15\n"
  "mov r15, rdi; mov r14, rsi\n"
  "fxrstor64 [r15 + 80]\n"
  "push qword ptr [r15 + 56]; popfq\n"
  "mov rax, [r15 + 24]; mov rcx, [r15 + 32]; mov rdx, [r15 + 40]; mov rbx, [r15 + 48]; mov rdi, [r15 + 64]\n"
  "call r14\n"
  "pushfq; pop qword ptr [r15 + 56]\n"
  "mov [r15 + 24], rax; mov [r15 + 32], rcx; mov [r15 + 40], rdx; mov [r15 + 48], rbx\n"
  "fxsave64 [r15 + 80]\n"
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
  while (fread(&s, sizeof s, 1, stdin) == 1) {
    current = &s;
    memcpy(code, s.code, s.length);
    code[s.length] = 0xc3;
    memcpy(memory, s.memory, 64);
    s.trap = 0;
    if (sigsetjmp(back, 1) == 0) run_case(&s, code);
    else __asm__ volatile("fninit; cld");
    uint32_t mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    memcpy(s.memory, memory, 64);
    fwrite(&s, sizeof s, 1, stdout);
  }
  return 0;
}
