/**
 * Where everything stands in the machine's one Wasm memory: the single source of offsets for TypeScript and
 * for emitted code (DESIGN.md §4). Addresses are bytes from the start of linear memory.
 *
 *   0x00000  vCPU state block (below 64 KiB, so that an instruction record holds its addresses in 16 bits)
 *   0x10000  data TLBs, one per MMU index; fetch TLB
 *   0x80000  profile counters, arrival counters, list of filled TLB entries
 *   0x100000 decode cache: instruction records and slot tables; at its end the slot cache and the second-level data TLB
 *   RAM_BASE guest RAM, physical address 0 upwards
 */

export type SlotType = "i32" | "i64" | "v128";

const SIZE: Record<SlotType, number> = { i32: 4, i64: 8, v128: 16 };

class Allocator {
  constructor(private at: number) {}
  take(type: SlotType, count = 1, stride = SIZE[type], align = SIZE[type]): number {
    this.at = Math.ceil(this.at / align) * align;
    const start = this.at;
    this.at += count * stride;
    return start;
  }
  get end(): number {
    return this.at;
  }
}

/** Bytes of one segment register's cached descriptor in the state block: base, then the limit checks. */
export const SEG_STRIDE = 32;
/** Offsets inside it. All i64. An access of n bytes at offset o passes when min <= o (unsigned) and o + n - 1 <= max (signed). */
export const SEG_BASE = 0;
export const SEG_MIN = 8;
/** SEG_MIN of a segment that allows no access: above all offsets. */
export const SEG_UNUSABLE = 0x100_0000_0000n;
export const SEG_MAX_READ = 16;
export const SEG_MAX_WRITE = 24;
/** Maximum of what a segment does not allow: below all offsets, and its lower half is zero. */
export const SEG_FORBIDDEN = -0x1_0000_0000n;

/** Upper half of a linear address whose segment check failed: SEGMENT_FAULT | segment number. Never a legacy address. */
export const SEGMENT_FAULT = 0x40000000;

/** Segment register numbers, as encoded in instructions (SDM 2D §B.1.3). */
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;

/** Vector registers stand 32 bytes apart, so that AVX's upper halves follow their lower ones. */
export const XMM_STRIDE = 32;

/** Builds the state block of one vCPU at `base`. */
function layoutState(base: number) {
  const a = new Allocator(base);
  const state = {
    /** General registers RAX..R15, i64 each, little-endian, so that AL is at +0 and AH at +1. */
    gpr: a.take("i64", 16),
    /** Always zero: stands in for an absent base, index or segment register. Never written. */
    zero: a.take("i64"),
    /** Linear address of the next instruction when the CPU is not inside emitted code (CS.base + EIP in legacy modes). */
    rip: a.take("i64"),
    /** Lazy flags, see docs/FLAGS.md: result, two operands, and the i32 `ccM`. */
    ccR: a.take("i64"),
    ccA: a.take("i64"),
    ccB: a.take("i64"),
    ccM: a.take("i32"),
    /** RFLAGS without the six arithmetic flags: TF IF DF IOPL NT RF VM AC VIF VIP ID. Bit 1 is kept set. */
    eflags: a.take("i32"),
    /** Six descriptor caches of SEG_STRIDE bytes: ES CS SS DS FS GS. In 64-bit mode only FS and GS bases count. */
    seg: a.take("i64", 6, SEG_STRIDE, 32),
    /** 0xFFFF, 0xFFFFFFFF or all ones: the stack pointer's width (SS.B, or 64-bit mode). */
    spMask: a.take("i64"),
    /** Instructions retired since `run` was entered, the present one included; written before TypeScript is called and at exit. */
    icount: a.take("i32"),
    /** `run` leaves before the instruction that would make icount exceed this. TypeScript lowers it to stop at once. */
    limit: a.take("i32"),
    /** Byte address of the data TLB of the present MMU index. With `fetchKey` in one i64: what code is emitted for. */
    tlbBase: a.take("i32", 1, 4, 8),
    /** Low bits ORed into fetch TLB tags: decode mode and privilege, see FETCH_KEY_*. */
    fetchKey: a.take("i32"),
    /** `tlbBase` at CPL 0 with EFLAGS.AC clear. */
    kernelTlbBase: a.take("i32"),
    /** Second-level TLB: its generation, in place for a key; entries of the data TLBs that a CR3 write empties, in FILLED_BASE's list. */
    tlb2Generation: a.take("i32"),
    filledCount: a.take("i32"),
    /** Regions (tier 1): the limit as it was on entry, and what was left of it on leaving. */
    regionLimit: a.take("i32"),
    regionLeft: a.take("i32"),
    /** Nonzero: no region goes on behind a call, for one of them has been dropped. Calls that are open between regions. */
    regionStop: a.take("i32"),
    regionDepth: a.take("i32"),
    /** Counts what takes mappings of code away, or changes what open regions take for granted. */
    regionGeneration: a.take("i32"),
    /** When the limit was reached: the slot where the run of instructions began, or 0. */
    leader: a.take("i32"),
    /** Instructions retired in regions. */
    regionCount: a.take("i64"),
    /** A string instruction's record while the slow path runs for all that it does in one go, else 0; and the linear address of its page. */
    rec: a.take("i32"),
    vpage: a.take("i64"),
    /** Where data of MMIO, page-crossing and code-page accesses is staged: 64 bytes. */
    scratch: a.take("v128", 4, 16, 64),
    mxcsr: a.take("i32"),
    /**
     * Bit 0: x87 and MMX instructions trap, bit 1: SSE (CR0.EM/TS, CR4.OSFXSR), bit 2: AVX (CR4.OSXSAVE, XCR0, CR0.TS, real and
     * virtual-8086 mode), bit 3: all that has a VEX prefix (the two modes alone).
     */
    fpuGate: a.take("i32"),
    cpl: a.take("i32"),
    /** Nonzero: SYSCALL and SYSRET are enabled, in long mode. */
    systemCalls: a.take("i32"),
    /** SHADOW_*: interrupts are held off for one instruction, and `icount` of the instruction that said so. */
    shadow: a.take("i32"),
    shadowCast: a.take("i32"),
    /** GDTR: base, and limit in bytes, inclusive. */
    gdtBase: a.take("i64"),
    gdtLimit: a.take("i32"),
    /** What makes returns from interrupts unusual: RETURNS_*. */
    returns: a.take("i32"),
    /** Nonzero: INTR may be asserted. */
    interruptWaiting: a.take("i32"),
    /** MSRs on the path of every system call, see FAST_MSR. */
    fastMsr: a.take("i64", 5),
    /** Visible selectors, u16 each: ES CS SS DS FS GS; their attributes; and their limits, u32 each (bytes, inclusive). */
    selector: a.take("i64", 2),
    segmentAttr: a.take("i64", 2),
    segmentLimit: a.take("i64", 3),
    /** FS and GS, i64 each: 2^32 where the segment spans 4 GiB and may be read and written, else 0. For compiled legacy code. */
    segmentRoom: a.take("i64", 2),
    /** x87: control, status (without TOP), tag word (2 bits each), TOP. */
    fpuCw: a.take("i32"),
    fpuSw: a.take("i32"),
    fpuTag: a.take("i32"),
    fpuTop: a.take("i32"),
    /** x87 data registers, physical (not TOP-relative): significand i64 then sign+exponent i64; MMX is the significand. */
    fpr: a.take("i64", 8, 16, 16),
    xmm: a.take("v128", 16, XMM_STRIDE, 32),
    /** Wasm scratch for helpers that return more than one value. */
    ret: a.take("i64", 4),
    /** Vector operands and results of helpers, 32 bytes each: see STAGE in helpers/sse-ops.ts. */
    stage: a.take("v128", 8, 16, 32),
    /** x87: the last instruction's opcode (11 bits, bits 16 and up: its operand's segment number), selectors of code and operand, offsets of both. */
    fpuOp: a.take("i32"),
    fpuCs: a.take("i32"),
    fpuDs: a.take("i32"),
    fpuIp: a.take("i64"),
    fpuDp: a.take("i64"),
  };
  if (a.end > 0xf000) throw new RangeError("state block exceeds 16-bit addresses");
  return state;
}

export const STATE = layoutState(0x400);

/** STATE.shadow: none, after STI, after MOV SS or POP SS (SDM 3A §6.8.3). */
export const SHADOW_NONE = 0;
export const SHADOW_STI = 1;
export const SHADOW_STACK = 2;

/** In STATE.fpuGate: real or virtual-8086 mode, which have no VEX prefix. */
export const GATE_UNPROTECTED = 8;

/** STATE.returns: IRET ends the blocking of NMIs; and RF matters, for there are execution breakpoints. */
export const RETURNS_UNBLOCK = 1;
export const RETURNS_RESUME = 2;

/** Indices into STATE.fastMsr. */
export const FAST_MSR = { STAR: 0, LSTAR: 1, CSTAR: 2, FMASK: 3, KERNEL_GS_BASE: 4 } as const;

/** MMU indices: which page rights an access is checked against. SDM 3A §4.6. */
export const MMU_USER = 0;
/** Supervisor access with SMAP in force: user pages fault. */
export const MMU_KERNEL_SMAP = 1;
/** Supervisor access that may touch user pages. */
export const MMU_KERNEL = 2;
export const MMU_COUNT = 3;
/**
 * User accesses whose alignment is checked (CR0.AM, EFLAGS.AC at CPL 3). Its TLB stays empty, so that every access takes the
 * slow path.
 */
export const MMU_USER_ALIGNED = 3;

export const TLB_BITS = 11;
export const TLB_ENTRIES = 1 << TLB_BITS;
/** TLB entry: read tag i64 (linear page address, or TLB_INVALID), write tag i64, addend i32, physical page number i32. */
export const TLB_ENTRY_BITS = 5;
export const TLB_ENTRY_SIZE = 1 << TLB_ENTRY_BITS;
export const TLB_READ = 0;
export const TLB_WRITE = 8;
export const TLB_ADDEND = 16;
export const TLB_PPN = 20;
/** No page-aligned address equals it. */
export const TLB_INVALID = 1n;
export const TLB_BASE = 0x10000;
export const tlbAddress = (mmuIndex: number): number => TLB_BASE + mmuIndex * TLB_ENTRIES * TLB_ENTRY_SIZE;

/** Fetch TLB entry: tag i64 (linear page address | fetch key), slot table address i32, physical page number i32. */
export const FETCH_TLB_BITS = 12;
export const FETCH_TLB_ENTRIES = 1 << FETCH_TLB_BITS;
export const FETCH_ENTRY_BITS = 4;
export const FETCH_ENTRY_SIZE = 1 << FETCH_ENTRY_BITS;
export const FETCH_TAG = 0;
export const FETCH_SLOTS = 8;
export const FETCH_PPN = 12;
export const FETCH_TLB_BASE = tlbAddress(MMU_COUNT + 1);
/**
 * Fetch keys: bits 0-1 code size (32-bit code in flat segments has a number of its own: see CpuState.flat), bit 2 user, bits 4-11 the number of a CS that ends below 4 GiB (its base and limit), or 0. Bit 3 is
 * always set, so that zero is no valid tag.
 */
export const FETCH_KEY_16 = 8;
export const FETCH_KEY_32 = 9;
export const FETCH_KEY_64 = 10;
export const FETCH_KEY_FLAT = 11;
/** Set in the last two: tier 1 compiles that code. */
export const FETCH_KEY_COMPILED = 2;
export const FETCH_KEY_USER = 4;
export const FETCH_KEY_MODE = 11;
export const FETCH_KEY_WINDOW_SHIFT = 4;
export const FETCH_KEY_WINDOW = 0xff0;

export const TLB_END = FETCH_TLB_BASE + FETCH_TLB_ENTRIES * FETCH_ENTRY_SIZE;

/** How often entry points were reached: u16 each, counting down, by the low bits of the slot's address. */
export const COUNTER_BASE = 0x90000;
export const COUNTERS = 65536;

/** Addresses of the data TLBs' non-global entries that were filled since the last flush, i32 each; behind FILLED_MAX none is noted. */
export const FILLED_BASE = COUNTER_BASE + 2 * COUNTERS;
export const FILLED_MAX = 3 * TLB_ENTRIES;

/** How often the region at each index of the table of regions was entered, i32 each. */
export const REGION_TABLE_SIZE = 32768;
export const LINKED_BASE = 0xc0000;

/** Inline handlers have numbers below this; profile builds count pairs of them at PROFILE_BASE, one i64 each, or any handlers by number. */
export const INLINE_MAX = 1024;

/** Decode cache arena. */
export const ARENA_BASE = 0x100000;
export const RAM_BASE = 0x5000000;

/**
 * Second-level data TLB, direct-mapped by a hash of the page (tlb2Entry), for all MMU indices: what the data TLBs have been filled with. Entry: read key i64, write
 * key i64 (or 0), addend i32, physical page number i32 with bit 31 for global pages. A key is the linear page | generation << 2 |
 * MMU index + 1. The generation goes up where entries become wrong in numbers, so that emptying costs nothing.
 */
export const TLB2_BITS = 14;
export const TLB2_ENTRIES = 1 << TLB2_BITS;
export const TLB2_GLOBAL = 0x80000000;
/** Generations are below this: zero is none. */
export const TLB2_GENERATIONS = 1 << 10;
export const TLB2_BASE = RAM_BASE - TLB2_ENTRIES * TLB_ENTRY_SIZE;

/** Address of the data TLBs' entry of a linear page number (its low bits count). */
export const tlbEntry = (mmuIndex: number, page: number): number => tlbAddress(mmuIndex) + (page & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
/** The same of the second level, for bits 31..12 of an address. Pages that share an entry of the first never share this one: the upper bits are mixed into the lower. */
export const tlb2Entry = (page: number): number => TLB2_BASE + ((page ^ (page >>> TLB_BITS)) & (TLB2_ENTRIES - 1)) * TLB_ENTRY_SIZE;

/**
 * What was found in slots of late, direct-mapped: slot tables are sparse, and a look into one is a miss of the host's caches. Entry: address
 * of the slot i32 (0: none), record in it i32, arrivals until the slot's counter is told i32.
 */
export const SLOT_CACHE_BITS = 12;
export const SLOT_CACHE_ENTRIES = 1 << SLOT_CACHE_BITS;
export const SLOT_CACHE_ENTRY_SIZE = 16;
export const SLOT_CACHE_SLOT = 0;
export const SLOT_CACHE_RECORD = 4;
export const SLOT_CACHE_ARRIVALS = 8;
export const SLOT_CACHE_BASE = TLB2_BASE - SLOT_CACHE_ENTRIES * SLOT_CACHE_ENTRY_SIZE;
/** Arrivals that are counted near the branch before the slot's counter is told of them. */
export const ARRIVALS_TOLD = 256;

export const ARENA_SIZE = SLOT_CACHE_BASE - ARENA_BASE;
/** In profile builds only, at the end of the arena. */
export const PROFILE_BASE = SLOT_CACHE_BASE - INLINE_MAX * INLINE_MAX * 8;
if (FILLED_BASE + 4 * FILLED_MAX > ARENA_BASE) throw new RangeError("the list of filled entries overlaps the decode cache");
if (TLB_END > COUNTER_BASE) throw new RangeError("TLBs overlap the decode cache");

/**
 * Instruction record: 32 bytes. Register fields are absolute addresses in the state block, so that AH and AL,
 * or an absent index (STATE.zero), need no special case.
 */
export const RECORD_SIZE = 32;
export const REC = {
  /** u16: index of the handler. */
  handler: 0,
  /** u16: offset of the instruction in its page. */
  ip: 2,
  /** u16: offset of the next instruction, relative to the same page (may exceed 4095). */
  next: 4,
  /** u16 each: addresses of register operands 0, 1, 2. */
  reg0: 6,
  reg1: 8,
  reg2: 10,
  /** u16 each: addresses of base and index registers. */
  base: 12,
  index: 14,
  /** i32: displacement; for RIP-relative operands, the offset from the page's start. */
  disp: 16,
  /** u16: address of the segment's descriptor cache, or STATE.zero where the base is zero and no check applies. */
  seg: 20,
  /** u8: index shift 0..3. */
  scale: 22,
  /** u8: EA kind (cpu/lift/form.ts), for forms that compute their address generically. */
  ea: 23,
  /** i64 immediate. */
  imm: 24,
  /** u16, where there is no other immediate: address of register operand 3. */
  reg3: 24,
  /** i32, beside a 32-bit immediate: a second one, a far selector, VSIB's scale, or the number of a CR, DR or segment register. */
  imm2: 28,
  /** Region records: i32 index into the table of regions. */
  region: 16,
  /**
   * i32, detours: address of the slot that leads on. An instruction's record can become one while it is executed, by a push of its own onto its page: it
   * overwrites nothing that is read behind a write to memory (immediates, direct targets, `next`).
   */
  detour: 16,
  /** u8, direct branches: arrivals by way of `chain` until the counter of the target's slot is told. */
  arrivals: 8,
  /** i32, direct branches inside the page: record that stood in the target's slot, or 0. One that has left it leads back there (PSEUDO.goto). */
  chain: 12,
  /** i32, direct branches: target offset from the page's start. */
  target: 24,
  /** i32, direct branches inside the page: address of the target's slot. Region records: the instruction's own record. */
  link: 28,
} as const;

/** Slot table: 4096 i32, the record address for each byte offset of a code page, or 0. */
export const SLOT_TABLE_SIZE = 4096 * 4;

/** Status that a helper returns to emitted code. */
export const STATUS = {
  /** Go on with the next instruction. */
  next: 0,
  /** A fault is pending in the CPU object: the instruction did not complete. */
  fault: 1,
  /** STATE.rip holds the next instruction; modes may have changed. */
  jump: 2,
  /** Completed: advance, then leave to the run loop (HLT, interrupt window, port I/O that raised INTR). */
  leave: 3,
  /** Not complete: execute the same instruction again (a further chunk of a string instruction). */
  again: 4,
  /** Inside emitted code only: to the record's direct target. */
  direct: 5,
} as const;

/** Why `run` returned. */
export const EXIT = {
  /** Reached STATE.limit. STATE.rip is the next instruction. */
  limit: 0,
  /** A fault is pending. STATE.rip is the faulting instruction. */
  fault: 1,
  /** No record at STATE.rip. */
  decodeMiss: 2,
  /** No fetch TLB entry for STATE.rip. */
  fetchMiss: 3,
  /** STATUS.leave. STATE.rip is the next instruction. */
  leave: 4,
  /** The second page of a page-crossing instruction is not in the fetch TLB, or not the one that was decoded. */
  crossMiss: 5,
  /** The entry point at STATE.rip has been reached often. */
  hot: 6,
  /** Control has come to where a call from a region returns: never seen outside of the interpreter. */
  returned: 7,
} as const;

/** What a region answers when it is left (jit/region). */
export const REGION_EXIT = {
  /** Goes on at STATE.rip, in whatever tier. */
  lookup: 0,
  /** The instruction at STATE.rip is tier 0's: it faults, touches a device, or the budget does not allow for all of the region. */
  tier0: 1,
  /** A fault is pending for the instruction at STATE.rip. */
  fault: 2,
  /** STATUS.leave; STATE.rip is the next instruction. */
  leave: 3,
  /** Tier 0 has run behind it and been left: EXIT, on top of this. RIP and STATE.icount are as that says. */
  ran: 16,
} as const;

/** Arithmetic flags in RFLAGS. */
export const FLAG = {
  CF: 1 << 0, PF: 1 << 2, AF: 1 << 4, ZF: 1 << 6, SF: 1 << 7, TF: 1 << 8, IF: 1 << 9, DF: 1 << 10, OF: 1 << 11,
  IOPL: 3 << 12, NT: 1 << 14, RF: 1 << 16, VM: 1 << 17, AC: 1 << 18, VIF: 1 << 19, VIP: 1 << 20, ID: 1 << 21,
} as const;
export const ARITH_FLAGS = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF;

/**
 * ccM: bits 0-5 the shift by which ccA and ccB were moved to the top of 64 bits (64 - width), bits 8-15 XORed into
 * the byte whose parity is PF, bit 16: AF is bit 17 (else it follows from A and B), bit 18: OF and AF follow from the
 * result alone, as after INC, or with bit 19 as after DEC (A and B are CF's alone), bit 31 forces SF.
 */
export const CCM_PARITY_SHIFT = 8;
export const CCM_AF_EXPLICIT = 1 << 16;
export const CCM_AF = 1 << 17;
export const CCM_STEP = 1 << 18;
export const CCM_STEP_DOWN_SHIFT = 19;
export const CCM_STEP_DOWN = 1 << CCM_STEP_DOWN_SHIFT;
export const CCM_SF = -0x80000000;
