import { describe, expect, it } from "vitest";
import { UserError } from "../../base/errors.ts";
import { restoreSections, saveSection } from "../../base/persist.ts";
import { FLAG, STATE } from "../layout.ts";
import { MSR } from "./index.ts";
import { Rig } from "./testing.ts";

describe("the cpu section", () => {
  it("restores into a new machine and saves the same again", () => {
    const r = new Rig().longMode(3);
    r.state.setFlags(FLAG.CF | FLAG.IF | 2);
    r.cpu.msrs.write(MSR.LSTAR, 0x1234n);
    r.cpu.msrs.write(MSR.PAT, 0n);
    r.state.setReg(7, 0x123456789abcdef0n);
    const saved = saveSection(r.cpu.persistence);
    const o = new Rig();
    restoreSections([o.cpu.persistence], [saved]);
    expect(saveSection(o.cpu.persistence)).toEqual(saved);
    expect([o.state.mode64, o.state.cpl, o.cpu.msrs.read(MSR.PAT)]).toEqual([true, 3, 0n]);
    expect(o.state.i32[STATE.fetchKey >> 2]).toBe(r.state.i32[STATE.fetchKey >> 2]);
  });
  it("is the same for equal states that came about differently", () => {
    const a = new Rig().longMode();
    const b = new Rig().longMode();
    // 5 - 5 as the lifters leave it, against flags that were loaded.
    a.state.u64[STATE.ccA >> 3] = 5n << 32n;
    a.state.u64[STATE.ccB >> 3] = 5n << 32n;
    a.state.u64[STATE.ccR >> 3] = 0n;
    a.state.i32[STATE.ccM >> 2] = 32;
    b.state.setFlags(FLAG.ZF | FLAG.PF | 2);
    b.cpu.msrs.write(MSR.PAT, 0n);
    b.cpu.msrs.write(MSR.PAT, 0x0007040600070406n);
    expect(a.cpu.persistence.save()).toEqual(b.cpu.persistence.save());
  });
  it("refuses what does not fit", () => {
    const r = new Rig().longMode();
    const saved = saveSection(r.cpu.persistence);
    const o = new Rig();
    for (const fields of [{ ...saved.fields, cpl: 4 }, { ...saved.fields, gpr: new Uint8Array(3) }, { ...saved.fields, segmentLimits: [1] }, { ...saved.fields, extra: 1 }]) {
      expect(() => restoreSections([o.cpu.persistence], [{ ...saved, fields }])).toThrow(UserError);
    }
  });
});

describe("lazy flags in 32-bit halves (state.ts)", () => {
  it("agrees with the definition on random operands", () => {
    const r = new Rig();
    const s = r.state;
    let seed = 1n;
    const next = (): bigint => (seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n));
    for (let i = 0; i < 4000; i++) {
      const shift = [0n, 32n, 48n, 56n][i & 3];
      const a = BigInt.asUintN(64, next() << shift);
      const b = i % 5 === 0 ? a : BigInt.asUintN(64, next() << shift);
      const d = BigInt.asUintN(64, a - b);
      s.u64[STATE.ccA >> 3] = a;
      s.u64[STATE.ccB >> 3] = b;
      const result = BigInt.asIntN(64 - Number(shift), d >> shift);
      s.u64[STATE.ccR >> 3] = BigInt.asUintN(64, result);
      s.i32[STATE.ccM >> 2] = Number(shift);
      const f = s.flags();
      expect((f & FLAG.CF) !== 0).toBe(a < b);
      expect((f & FLAG.ZF) !== 0).toBe(d === 0n);
      expect((f & FLAG.SF) !== 0).toBe(result < 0n);
      const sa = BigInt.asIntN(64, a);
      const sb = BigInt.asIntN(64, b);
      expect((f & FLAG.OF) !== 0).toBe(sa - sb !== BigInt.asIntN(64, sa - sb));
      expect((f & FLAG.AF) !== 0).toBe(((a >> shift) & 15n) < ((b >> shift) & 15n));
      let ones = 0;
      for (let k = 0n; k < 8n; k++) ones += Number((result >> k) & 1n);
      expect((f & FLAG.PF) !== 0).toBe(ones % 2 === 0);
      s.setFlags(f);
      expect(s.flags()).toBe(f);
    }
  });
});
