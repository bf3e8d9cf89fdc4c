/** The x87 by the manual: values, stack faults, exceptions, environments. Every form against a real CPU: test/silicon/x87.test.ts. */
import { beforeEach, describe, expect, it } from "vitest";
import { ISA } from "../isa/isa.ts";
import { validateIr } from "../ir/print.ts";
import { CS, DS, STATE, STATUS } from "../layout.ts";
import { RecordContext } from "../lift/context.ts";
import { type Form, liftName, type OperandForm } from "../lift/form.ts";
import { lift, LIFTERS } from "../lift/index.ts";
import { CR0 } from "../state.ts";
import { AT, Rig } from "./testing.ts";
import { ARITH, ENV_OP, FORMAT, MEM_LOAD, REG_OP, STORE_POP, STORE_TRUNCATE } from "./x87-ops.ts";

let rig: Rig;
const cw = (v: number): void => void (rig.state.i32[STATE.fpuCw >> 2] = v);
const sw = (): number => rig.state.i32[STATE.fpuSw >> 2] | (rig.state.i32[STATE.fpuTop >> 2] << 11);
const op = (n: number, i = 0): number => rig.h.x87Register(n, i);
const init = (): void => {
  const { i32 } = rig.state;
  cw(0x37f);
  i32[STATE.fpuSw >> 2] = i32[STATE.fpuTop >> 2] = 0;
  i32[STATE.fpuTag >> 2] = 0xffff;
};
function memory(operation: number, format: number, low: bigint, high = 0): number {
  rig.state.u64[STATE.ret >> 3] = BigInt.asUintN(64, low);
  rig.state.u64[(STATE.ret >> 3) + 1] = BigInt(high);
  return rig.h.x87Memory(operation, format);
}
const load80 = (se: number, m: bigint): number => memory(MEM_LOAD, FORMAT.extended, m, se);
function bitsOf(v: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, v);
  return view.getBigUint64(0);
}
const load = (v: number): number => memory(MEM_LOAD, FORMAT.double, bitsOf(v));
function st(i: number): string {
  const at = STATE.fpr + 16 * ((rig.state.i32[STATE.fpuTop >> 2] + i) & 7);
  return `${(rig.state.u32[(at + 8) >> 2] & 0xffff).toString(16).padStart(4, "0")}:${rig.state.u64[at >> 3].toString(16).padStart(16, "0")}`;
}
function store(format: number, flags = STORE_POP): bigint {
  rig.h.x87Prepare(format, flags);
  const v = rig.state.u64[STATE.ret >> 3];
  rig.h.x87Commit();
  return v;
}

beforeEach(() => {
  rig = new Rig().protectedMode();
  rig.state.cr0 |= CR0.NE;
  init();
});

describe("x87 values", () => {
  it("loads constants under rounding control", () => {
    const pi: string[] = [];
    for (const rc of [0, 0x400, 0x800, 0xc00]) {
      cw(0x37f | rc);
      op(REG_OP.fldpi);
      pi.push(st(0).slice(-3));
    }
    expect(pi).toEqual(["235", "234", "235", "234"]);
    op(REG_OP.fldl2t);
    expect(st(0)).toBe("4000:d49a784bcd1b8afe");
    op(REG_OP.fldlg2);
    expect(st(0)).toBe("3ffd:9a209a84fbcff798");
  });
  it("divides, multiplies and rounds to the precision asked for", () => {
    const third: string[] = [];
    for (const pc of [0, 0x200, 0x300]) {
      cw(0x7f | pc);
      load(1);
      load(3);
      op(ARITH.div + REG_OP.toStiPop, 1);
      third.push(`${st(0)} ${sw() & 0x200 ? "up" : "down"}`);
      expect(sw() & 0x3f).toBe(0x20);
      op(REG_OP.fstp, 0);
    }
    expect(third).toEqual(["3ffd:aaaaab0000000000 up", "3ffd:aaaaaaaaaaaaa800 down", "3ffd:aaaaaaaaaaaaaaab up"]);
  });
  it("keeps what doubles lose", () => {
    load(1);
    memory(ARITH.add, FORMAT.double, bitsOf(2 ** -63));
    expect(st(0)).toBe("3fff:8000000000000001");
    memory(ARITH.sub, FORMAT.double, bitsOf(1));
    expect(store(FORMAT.double)).toBe(bitsOf(2 ** -63));
  });
  it("counts FPREM's quotient, and says when it is not done", () => {
    load(5);
    load(23);
    op(REG_OP.fprem);
    expect([st(0), sw() & 0x4700]).toEqual(["4000:c000000000000000", 0x100]); // 23 = 4 * 5 + 3
    init();
    load(3);
    load(2 ** 100);
    let rounds = 0;
    do {
      op(REG_OP.fprem);
      rounds++;
    } while (sw() & 0x400);
    expect([rounds, st(0)]).toEqual([2, "3fff:8000000000000000"]); // 2^100 = 1 modulo 3
    init();
    load(5);
    load(23);
    op(REG_OP.fprem1);
    expect([st(0), sw() & 0x4700]).toEqual(["c000:8000000000000000", 0x300]); // 23 = 5 * 5 - 2
  });
  it("reads and writes packed BCD", () => {
    memory(MEM_LOAD, FORMAT.bcd, 0x345678901234567890n & 0xffffffffffffffffn, 0x8012);
    rig.h.x87Prepare(FORMAT.bcd, STORE_POP);
    expect([rig.state.u64[STATE.ret >> 3], rig.state.u32[(STATE.ret + 8) >> 2]]).toEqual([0x5678901234567890n, 0x8012]);
    rig.h.x87Commit();
    load(1e18);
    rig.h.x87Prepare(FORMAT.bcd, STORE_POP);
    expect([rig.state.u64[STATE.ret >> 3], rig.state.u32[(STATE.ret + 8) >> 2]]).toEqual([0xc000000000000000n, 0xffff]);
  });
  it("classifies", () => {
    const classes: [number, bigint, number][] = [
      [0, 0n, 0x4000], [0x8000, 1n, 0x4600], [0x3fff, 1n << 63n, 0x400], [0xffff, 1n << 63n, 0x700], [0x7fff, 3n << 62n, 0x100], [0x4000, 1n, 0],
    ];
    for (const [se, m, bits] of classes) {
      init();
      load80(se, m);
      op(REG_OP.fxam);
      expect(sw() & 0x4700).toBe(bits);
    }
    init();
    op(REG_OP.fxam);
    expect(sw() & 0x4500).toBe(0x4100);
  });
  it("stores integers: rounded, truncated, indefinite", () => {
    load(-2.5);
    expect(BigInt.asIntN(32, store(FORMAT.int32, 0))).toBe(-2n);
    cw(0x77f);
    expect(BigInt.asIntN(32, store(FORMAT.int32, 0))).toBe(-3n);
    expect(BigInt.asIntN(16, store(FORMAT.int16, STORE_POP | STORE_TRUNCATE))).toBe(-2n);
    load(40000);
    expect(store(FORMAT.int16) & 0xffffn).toBe(0x8000n);
    expect(sw() & 0x41).toBe(1);
  });
  it("extracts, scales, takes roots and functions", () => {
    load(12);
    op(REG_OP.fxtract);
    expect([st(0), st(1)]).toEqual(["3fff:c000000000000000", "4000:c000000000000000"]);
    op(REG_OP.fscale);
    expect(st(0)).toBe("4002:c000000000000000");
    load(2);
    op(REG_OP.fsqrt);
    expect(st(0)).toBe("3fff:b504f333f9de6484");
    init();
    op(REG_OP.fld1);
    op(REG_OP.fld1);
    op(REG_OP.fpatan);
    expect(st(0)).toBe("3ffe:c90fdaa22168c235");
    op(REG_OP.fsin);
    expect(st(0)).toBe("3ffe:b504f333f9de6485");
    // What is left of pi by the unit's own 66 bits of it, not by the true one.
    op(REG_OP.fldpi);
    op(REG_OP.fsin);
    expect(st(0)).toBe("bfbf:8000000000000000");
    load(2 ** 63);
    op(REG_OP.fcos);
    expect([st(0), sw() & 0x400]).toEqual(["403e:8000000000000000", 0x400]);
  });
});

describe("x87 exceptions", () => {
  it("answer stack faults with C1 and the indefinite", () => {
    op(ARITH.add, 1);
    expect([st(0), sw() & 0x27f]).toEqual(["ffff:c000000000000000", 0x41]);
    init();
    for (let i = 0; i < 9; i++) op(REG_OP.fldz);
    expect([st(0), st(1), sw() & 0x27f]).toEqual(["ffff:c000000000000000", "0000:0000000000000000", 0x241]);
  });
  it("keep operands when unmasked, and wait for the next instruction", () => {
    cw(0x37e);
    load(0);
    load(0);
    op(ARITH.div + REG_OP.toStiPop, 1);
    expect([st(0), st(1), sw()]).toEqual(["0000:0000000000000000", "0000:0000000000000000", 0xb081]);
    expect(rig.h.x87Wait(0)).toBe(STATUS.fault);
    expect(rig.fault[0]).toBe(16);
  });
  it("move the exponent of unmasked overflow, and store nothing", () => {
    cw(0x377);
    load80(0x7ffe, 1n << 63n);
    op(ARITH.mul, 0);
    expect([st(0), sw() & 0xff]).toEqual([`${(2 * 0x7ffe - 0x3fff - 0x6000).toString(16)}:8000000000000000`, 0x88]);
    init();
    cw(0x377);
    load80(0x7ffe, 1n << 63n);
    rig.h.x87Prepare(FORMAT.double, STORE_POP);
    expect(rig.state.i32[(STATE.ret + 16) >> 2]).toBe(0);
    rig.h.x87Commit();
    expect([st(0), sw()]).toEqual(["7ffe:8000000000000000", 0xb888]);
  });
  it("drive FERR# without CR0.NE", () => {
    rig.state.cr0 &= ~CR0.NE;
    cw(0x37e);
    op(REG_OP.fchs);
    expect(rig.h.x87Wait(0)).toBe(STATUS.next);
    let asked = 0;
    rig.cpu.x87.ferr = { waits: () => ++asked === 1, raised: () => undefined };
    expect([rig.h.x87Wait(0), rig.h.x87Wait(0), asked]).toEqual([STATUS.again, STATUS.next, 2]);
  });
  it("trap by CR0: FWAIT wants MP and TS", () => {
    rig.state.cr0 |= CR0.TS;
    expect([rig.h.x87Wait(1), rig.h.x87Wait(0)]).toEqual([STATUS.next, STATUS.fault]);
    expect(rig.fault[0]).toBe(7);
    rig.state.cr0 |= CR0.MP;
    expect(rig.h.x87Wait(1)).toBe(STATUS.fault);
    rig.state.cr0 = (rig.state.cr0 & ~(CR0.TS | CR0.MP)) | CR0.EM;
    expect([rig.h.x87Wait(1), rig.h.x87Wait(0)]).toEqual([STATUS.next, STATUS.fault]);
  });
});

describe("x87 environments", () => {
  const fill = (): void => {
    load(1);
    load80(0x7fff, 3n << 62n);
    op(REG_OP.fldz);
  };
  it("have four layouts", () => {
    fill();
    const { i32 } = rig.state;
    [STATE.fpuCs, STATE.fpuDs, STATE.fpuOp, STATE.fpuIp, STATE.fpuDp].forEach((at) => (i32[at >> 2] = 0));
    rig.h.x87Environment(ENV_OP.fnstenv, BigInt(AT.data), 32);
    // Tags: physical 7 valid, 6 special, 5 zero.
    expect(rig.r32(AT.data, 7).map((v) => v >>> 0)).toEqual([0xffff037f, 0xffff2800, 0xffff27ff, 0, 0, 0, 0xffff0000]);
    rig.h.x87Environment(ENV_OP.fnstenv, BigInt(AT.data), 16);
    expect(rig.r16(AT.data, 7)).toEqual([0x37f, 0x2800, 0x27ff, 0, 0, 0, 0]);
    rig.state.cr0 &= ~CR0.PE;
    rig.h.x87Environment(ENV_OP.fnstenv, BigInt(AT.data), 32);
    expect(rig.r16(AT.data + 14, 1)).toEqual([0xffff]);
  });
  // SDM 1 figures 8-9 to 8-12.
  it("hold the last instruction's pointers, linear in real mode", () => {
    const { i32, state } = { i32: rig.state.i32, state: rig.state };
    const set = (): void => {
      [[STATE.fpuCs, 0x1234], [STATE.fpuDs, 0xabcd], [STATE.fpuOp, 0x7a5], [STATE.fpuIp, 0x56789], [STATE.fpuDp, 0x2468]].forEach(([at, v]) => (i32[at >> 2] = v));
    };
    const seen = (opSize: 16 | 32): number[] => {
      rig.h.x87Environment(ENV_OP.fnstenv, BigInt(AT.data), opSize);
      const first = opSize === 16 ? rig.r16(AT.data + 6, 4) : rig.r32(AT.data + 12, 4).map((v) => v >>> 0);
      // Loaded and stored again.
      rig.h.x87Environment(ENV_OP.fldenv, BigInt(AT.data), opSize);
      rig.h.x87Environment(ENV_OP.fnstenv, BigInt(AT.data), opSize);
      expect(opSize === 16 ? rig.r16(AT.data + 6, 4) : rig.r32(AT.data + 12, 4).map((v) => v >>> 0)).toEqual(first);
      return first;
    };
    set();
    expect(seen(32)).toEqual([0x56789, 0x7a51234, 0x2468, 0xffffabcd]);
    set();
    expect(seen(16)).toEqual([0x6789, 0x1234, 0x2468, 0xabcd]);
    state.cr0 &= ~CR0.PE;
    set();
    // 12340h + 56789h, ABCD0h + 2468h.
    expect(seen(32)).toEqual([0xffff8ac9, 0x000067a5, 0xffffe138, 0x000a_000]);
    set();
    expect(seen(16)).toEqual([0x8ac9, 0x67a5, 0xe138, 0xa000]);
    rig.h.x87Environment(ENV_OP.fnsave, BigInt(AT.data), 32);
    expect([STATE.fpuCs, STATE.fpuDs, STATE.fpuOp, STATE.fpuIp, STATE.fpuDp].map((at) => i32[at >> 2])).toEqual([0, 0, 0, 0, 0]);
  });
  it("come back, and FNSAVE initialises", () => {
    fill();
    rig.h.x87Environment(ENV_OP.fnsave, BigInt(AT.data), 32);
    expect([sw(), rig.state.i32[STATE.fpuTag >> 2]]).toEqual([0, 0xffff]);
    rig.h.x87Environment(ENV_OP.frstor, BigInt(AT.data), 32);
    expect([st(0), st(1), st(2), sw()]).toEqual(["0000:0000000000000000", "7fff:c000000000000000", "3fff:8000000000000000", 0x2800]);
    op(REG_OP.fxch, 3);
    expect(sw() & 0x41).toBe(0x41);
  });
  it("check the segment before anything is stored", () => {
    fill();
    rig.state.setSegment(DS, 0x10, 0n, 0xfff, 0xc093);
    const outside = (0x40000000n << 32n) | (BigInt(DS) << 32n);
    expect(rig.h.x87Environment(ENV_OP.fnsave, outside, 32)).toBe(STATUS.fault);
    expect([rig.fault[0], sw()]).toEqual([13, 0x2800]);
    expect(rig.state.segBase(CS)).toBe(0n);
  });
});

describe("x87 lifters", () => {
  const entries = ISA.filter((e) => e.map === 0 && !e.vex && e.opcode >= 0xd8 && e.opcode <= 0xdf);
  it("exist for the whole table, with valid IR", () => {
    expect(entries.length).toBeGreaterThan(140);
    const widths: Record<string, number> = { w: 16, d: 32, q: 64, t: 80, "": 0 };
    for (const entry of entries) {
      expect(LIFTERS[liftName(entry)], entry.source).toBeDefined();
      const operands = entry.operands.map((o): OperandForm => {
        if (o.code === "M") return { kind: "mem", width: widths[o.size], reg: null };
        return o.fixed === "AX" ? { kind: "reg", width: 16, reg: "gpr" } : { kind: "reg", width: 80, reg: "st" };
      });
      const form: Form = { entry, opSize: 32, addrSize: 0, rep: 0, mode: null, operands, ea: "generic" };
      expect(() => validateIr(lift(new RecordContext(form))), entry.source).not.toThrow();
    }
  });
});
