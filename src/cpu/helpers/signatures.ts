/**
 * The helpers that lifted code calls: rare and large semantics in TypeScript. One table of names and parameter types;
 * every helper returns a STATUS. Results go to STATE.ret[0..3]. `nextRip` is the linear address of the next instruction
 * (CS.base + EIP in legacy modes). A helper that returns STATUS.jump has set STATE.rip.
 */
export type ParamType = "i32" | "i64";

export const HELPERS = {
  /** #UD: also for what decodes but is not implemented; arg: entry id or -1, counted for --stats. */
  undefinedInstruction: ["i32"],
  /** Raises `vector` with error code 0 where it has one. */
  raise: ["i32"],
  /** #NM or #UD for an FPU/SSE instruction while STATE.fpuGate is set; arg 1: x87, 2: SSE, 3: MMX, 4: AVX, 8: VEX. */
  fpuTrap: ["i32"],

  // Interrupts and returns. (vector, nextRip)
  softwareInterrupt: ["i32", "i64"],
  int3: ["i64"],
  into: ["i64"],
  icebp: ["i64"],
  /** (operand bits, nextRip) */
  iret: ["i32", "i64"],
  syscall: ["i64"],
  sysret: ["i32"],
  sysenter: ["i64"],
  sysexit: ["i32"],

  // Far transfers: (selector, offset, operand bits, nextRip); farReturn: (operand bits, bytes to release).
  farJump: ["i32", "i64", "i32", "i64"],
  farCall: ["i32", "i64", "i32", "i64"],
  farReturn: ["i32", "i32"],

  /** MOV/POP/LDS...: (segment register number, selector). Sets the interrupt shadow for SS. */
  loadSegment: ["i32", "i32"],
  lldt: ["i32"],
  ltr: ["i32"],
  /** (base, limit) */
  lgdt: ["i64", "i32"],
  lidt: ["i64", "i32"],
  /** 0 SGDT, 1 SIDT: ret0 limit, ret1 base. 2 SLDT, 3 STR, 4 SMSW: ret0. UMIP is checked. */
  storeSystem: ["i32"],
  lmsw: ["i32"],
  /** LAR, LSL: (selector, operand bits): ret0 value, ret1 1 if valid. */
  lar: ["i32", "i32"],
  lsl: ["i32", "i32"],
  /** (selector, 0 VERR / 1 VERW): ret1. */
  verify: ["i32", "i32"],

  /** ret0. */
  readCr: ["i32"],
  /** (number, value, nextRip): returns STATUS.jump to nextRip. */
  writeCr: ["i32", "i64", "i64"],
  readDr: ["i32"],
  writeDr: ["i32", "i64", "i64"],
  clts: [],
  /** nextRip */
  hlt: ["i64"],
  invlpg: ["i64"],
  /** (type, linear address of the descriptor) */
  invpcid: ["i64", "i64"],
  /** INVD, WBINVD and other CPL-0 no-operations. */
  privilegedNop: [],
  privilegedSelector: [],
  cli: [],
  /** Returns STATUS.leave when an interrupt is pending (after the shadow). */
  sti: [],
  /** Change EFLAGS.AC and the MMU index; (nextRip), STATUS.jump. */
  clac: ["i64"],
  stac: ["i64"],
  /** Operand bits. Push and pop on the guest stack themselves. popf: (bits, nextRip). */
  pushf: ["i32"],
  popf: ["i32", "i64"],

  rdmsr: [],
  wrmsr: ["i64"],
  rdtsc: [],
  rdtscp: [],
  rdpmc: [],
  rdpid: [],
  cpuid: [],
  rdpkru: [],
  wrpkru: [],
  xgetbv: [],
  xsetbv: [],
  swapgs: [],
  /** (0 FS / 1 GS): ret0; and (which, value). CR4.FSGSBASE and canonicality are checked. */
  readBase: ["i32"],
  writeBase: ["i32", "i64"],
  /** ret0 value, ret1 1 for success: (operand bits). */
  rdrand: ["i32"],
  rdseed: ["i32"],
  monitor: [],
  mwait: ["i64"],

  /** IN: (port, width in bytes): ret0. OUT: (port, width, value). I/O permission is checked. OUT may return STATUS.leave. */
  portIn: ["i32", "i32"],
  portOut: ["i32", "i32", "i32"],
  /** The permission alone: (port, width). */
  portCheck: ["i32", "i32"],
  /** #GP(0) for a linear address that is not canonical. */
  checkCanonical: ["i64"],
  /** (target, linear address of the push). */
  checkCallTarget: ["i64", "i64"],

  /** (linear address, 1 for REX.W forms) */
  fxsave: ["i64", "i32"],
  fxrstor: ["i64", "i32"],
  /** (linear address, 1 for REX.W, 0 XSAVE 1 XSAVEOPT 2 XSAVEC 3 XSAVES); mask in EDX:EAX. */
  xsave: ["i64", "i32", "i32"],
  /** (linear address, REX.W, 0 XRSTOR 1 XRSTORS) */
  xrstor: ["i64", "i32", "i32"],
  /** #GP for reserved bits. */
  ldmxcsr: ["i32"],

  /**
   * Exact SSE arithmetic under any MXCSR: (SSE_OP, kindOf(double, lanes), immediate). Operands and result in STAGE
   * (sse-ops.ts), or in ret0 (integers, comparison flags). Sets the sticky flags; raises #XM (#UD without CR4.OSXMMEXCPT).
   */
  sseArith: ["i32", "i32", "i32"],
  /**
   * PCMPxSTRx: (immediate, lengths of both operands 0..16, or -1: implicit). Operands as sseArith. ret0 index, ret1 CF ZF SF in
   * RFLAGS' low byte, ret2 OF; mask result in STAGE.
   */
  pcmpString: ["i32", "i32", "i32"],
  /** AES, PCLMULQDQ, SHA: (CRYPTO_OP, immediate). Operands as sseArith, XMM0 as the third. */
  sseCrypto: ["i32", "i32"],

  /** The gate is closed or an unmasked x87 exception is pending: #NM, #MF or FERR#. 0: a waiting instruction, 1: FWAIT. */
  x87Wait: ["i32"],
  /** (REG_OP, i of ST(i)), see x87-ops.ts. FCOMI's kin: ret0. */
  x87Register: ["i32", "i32"],
  /** (ARITH or MEM_LOAD, FORMAT): the memory operand's bits in ret0 and ret1. */
  x87Memory: ["i32", "i32"],
  /** (FORMAT, STORE_* flags): bits to store in ret0 and ret1; ret2 is 1 when they are to be. x87Commit then pops and sets the status. */
  x87Prepare: ["i32", "i32"],
  x87Commit: [],
  /** (ENV_OP, linear address, operand bits 16 or 32) */
  x87Environment: ["i32", "i64", "i32"],

  /** DIV and IDIV of RDX:RAX by a 64-bit divisor that no i64 division covers: #DE or RAX, RDX written. (divisor, signed) */
  divide128: ["i64", "i32"],

  // BCD, on AL/AX in the state block. aam/aad take the immediate.
  daa: [],
  das: [],
  aaa: [],
  aas: [],
  aam: ["i32"],
  aad: ["i32"],
  /** ENTER: (frame bytes, nesting level 0..31, operand bits). */
  enter: ["i32", "i32", "i32"],
  /** BOUND: (index, lower, upper), sign-extended: #BR. */
  bound: ["i64", "i64", "i64"],
} as const satisfies Record<string, readonly ParamType[]>;

export type HelperName = keyof typeof HELPERS;
/** Called where an instruction is at fault, or its unit is not to be used: hardly ever. */
export const UNUSUAL: ReadonlySet<HelperName> = new Set<HelperName>(["checkCanonical", "checkCallTarget", "raise", "fpuTrap", "x87Wait", "undefinedInstruction"]);
export const HELPER_NAMES = Object.keys(HELPERS) as HelperName[];
type ArgOf<P> = P extends "i64" ? bigint : number;
type ArgsOf<T extends readonly ParamType[]> = { -readonly [K in keyof T]: ArgOf<T[K]> };
/** i64 arguments arrive as signed bigints (WebAssembly's convention), i32 as signed numbers. */
export type HelperImplementations = { [N in HelperName]: (...args: ArgsOf<(typeof HELPERS)[N]>) => number };
