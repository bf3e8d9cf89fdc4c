/** System instructions: thin lifters over helpers. SDM Vol. 2 and 3. */
import type { HelperName } from "../helpers/signatures.ts";
import { fixed } from "../ir/ir.ts";
import { ES, STATE } from "../layout.ts";
import { segmentRef, type LiftContext } from "./context.ts";
import { returned } from "./control.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";

const plain = (name: HelperName): Lifter => (c) => c.call(name);
const withNext = (name: HelperName): Lifter => (c) => c.call(name, c.nextRip());

/** Writes ret0 into operand 0. */
const storeResult = (c: LiftContext): void => {
  const w = c.operand(0).width;
  c.writeOp(0, c.get(w, fixed(STATE.ret)));
};

const describe = (which: 0 | 1): Lifter => (c) => {
  c.call("storeSystem", c.i32(which));
  // Limit, then a 32- or 64-bit base; one staged write, so that a fault writes neither.
  const wide = c.form.operands[0].width === 80;
  const at = c.address(wide ? 10 : 6, true);
  const p = c.emit("rmw.begin", [at], { imm: wide ? 10 : 6 });
  c.emit("raw.st.16", [p, c.get(16, fixed(STATE.ret))]);
  const base = c.emit("i32.add", [p, c.i32(2)]);
  if (wide) c.emit("raw.st.64", [base, returned(c, 1)]);
  else c.emit("raw.st.32", [base, c.wrap(returned(c, 1))]);
  c.emit("rmw.end", [p]);
};

const loadTable = (name: "lgdt" | "lidt"): Lifter => (c) => {
  const wide = c.form.operands[0].width === 80;
  // The privilege comes before the operand: #GP, not #PF (measured).
  c.call("privilegedNop");
  const at = c.variable(c.address(wide ? 10 : 6));
  const limit = c.variable(c.load(16, c.read(at)));
  const from = c.emit("i64.add", [c.read(at), c.i64(2)]);
  let base = wide ? c.load(64, from) : c.zext64(c.load(32, from));
  if (!wide && c.form.opSize === 16) base = c.emit("i64.and", [base, c.i64(0xffffff)]);
  c.call(name, base, c.read(limit));
};

/** The privilege comes before the operand here too. */
const loadSystemSelector = (name: "lldt" | "ltr"): Lifter => (c) => {
  c.call("privilegedSelector");
  c.call(name, c.readOp(0, 16));
};

const storeSelector = (which: number): Lifter => (c) => {
  c.call("storeSystem", c.i32(which));
  storeResult(c);
};

/** LAR and LSL leave the destination alone when the selector is not accessible. */
const accessRights = (name: "lar" | "lsl"): Lifter => (c) => {
  const selector = c.isMem(1) ? c.readOp(1, 16) : c.wrap(c.readOp(1));
  c.call(name, c.mask(16, selector), c.i32(c.form.opSize));
  const w = c.operand(0).width;
  c.if(c.wrap(returned(c, 1)), () => c.setReg(w, c.ref(0), c.get(w, fixed(STATE.ret))));
  c.flags.zero(c, c.wrap(returned(c, 1)));
};

const verify = (write: 0 | 1): Lifter => (c) => {
  c.call("verify", c.readOp(0, 16), c.i32(write));
  c.flags.zero(c, c.wrap(returned(c, 1)));
};

/** ARPL: raises the destination's RPL to the source's. Nothing is written where it is high enough (measured: no write fault). */
const arpl: Lifter = (c) => {
  const rpl = c.variable(c.emit("i32.and", [c.readOp(1, 16), c.i32(3)]));
  const old = c.variable(c.readOp(0, 16));
  const low = c.variable(c.emit("i32.lt_u", [c.emit("i32.and", [c.read(old), c.i32(3)]), c.read(rpl)]));
  c.if(c.read(low), () => c.writeOp(0, c.emit("i32.or", [c.emit("i32.and", [c.read(old), c.i32(~3)]), c.read(rpl)]), 16));
  c.flags.zero(c, c.read(low));
};

/** The register operand of MOV to/from CR and DR: a selector for the helper, which number stands in the record's imm2. */
const readControl = (name: "readCr" | "readDr"): Lifter => (c) => {
  c.call(name, c.immediate2());
  storeResult(c);
};
const writeControl = (name: "writeCr" | "writeDr"): Lifter => (c) => {
  const w = c.operand(1).width;
  c.call(name, c.immediate2(), w === 64 ? c.readOp(1) : c.zext64(c.readOp(1)), c.nextRip());
};

const readBase = (which: 0 | 1): Lifter => (c) => {
  c.call("readBase", c.i32(which));
  storeResult(c);
};
const writeBase = (which: 0 | 1): Lifter => (c) => {
  c.call("writeBase", c.i32(which), c.zext64(c.readOp(0)));
};

const random = (name: "rdrand" | "rdseed"): Lifter => (c) => {
  const w = c.operand(0).width;
  c.call(name, c.i32(w));
  c.writeOp(0, c.get(w, fixed(STATE.ret)));
  // CF says success; the other flags are cleared (PF too).
  c.flags.compareFloat(c, c.i32(0), c.i32(0), c.wrap(returned(c, 1)));
};

const wide = (c: LiftContext): ReturnType<LiftContext["i32"]> => c.i32(c.form.opSize === 64 ? 1 : 0);
/** The area's last byte is checked by the helper; the address is that of its first. */
const area = (c: LiftContext): ReturnType<LiftContext["i64"]> => c.address(1);

const movFromSeg: Lifter = (c) => {
  const selector = c.get(16, c.ref(1));
  const w = c.operand(0).width;
  c.writeOp(0, w === 64 ? c.zext64(selector) : selector);
};
/** The segment number stands in imm2. CS cannot be loaded: the decoder refuses it. */
const movToSeg: Lifter = (c) => {
  const v = c.readOp(1, 16);
  c.loadSegment(c.immediate2(), v);
};

const bound: Lifter = (c) => {
  const w = c.width;
  const at = c.variable(c.address(w / 4));
  const low = c.variable(c.load(w, c.read(at)));
  const high = c.load(w, c.emit("i64.add", [c.read(at), c.i64(w / 8)]));
  c.call("bound", c.sext64(w, c.readOp(0)), c.sext64(w, c.read(low)), c.sext64(w, high));
};

const invpcid: Lifter = (c) => {
  const type = c.readOp(0);
  c.call("invpcid", type.type === "i64" ? type : c.zext64(type), c.address(16));
};

/** MOVDIRI: an ordinary store here, for no cache is in the way. */
const movdiri: Lifter = (c) => {
  const w = c.operand(1).width;
  c.store(w, c.address(w / 8, true), c.get(w, c.ref(1)));
};
/** 64 bytes from memory to ES:register, which must be a multiple of 64. */
const movdir64b = stateful((c) => {
  const from = c.variable(c.address(64));
  const address = c.zext64(c.get(c.operand(0).width, c.ref(0)));
  const to = c.variable(c.mode64 ? address : c.emit("seg.linear", [address], { ref: segmentRef(ES), imm: 64, big: 1n }));
  c.if(c.emit("i32.and", [c.wrap(c.read(to)), c.i32(63)]), () => c.call("raise", c.i32(13)));
  const parts = [0, 16, 32, 48].map((n) => c.variable(c.load(128, c.emit("i64.add", [c.read(from), c.i64(n)]))));
  const p = c.emit("ptr.store", [c.read(to)], { imm: 64 });
  parts.forEach((v, i) => c.emit("raw.st.128", [c.emit("i32.add", [p, c.i32(16 * i)]), c.read(v)]));
  c.emit("rmw.end", [p]);
});

const undefined_: Lifter = (c) => c.call("raise", c.i32(6));

export const SYSTEM: LifterTable = {
  sgdt: describe(0), sidt: describe(1), lgdt: loadTable("lgdt"), lidt: loadTable("lidt"),
  sldt: storeSelector(2), str: storeSelector(3), smsw: storeSelector(4),
  lldt: loadSystemSelector("lldt"), ltr: loadSystemSelector("ltr"),
  lmsw: (c) => {
    c.call("privilegedNop");
    c.call("lmsw", c.readOp(0, 16));
  },
  lar: accessRights("lar"), lsl: accessRights("lsl"), verr: verify(0), verw: verify(1), arpl,
  mov_from_cr: readControl("readCr"), mov_from_dr: readControl("readDr"),
  mov_to_cr: writeControl("writeCr"), mov_to_dr: writeControl("writeDr"),
  mov_from_seg: movFromSeg, mov_to_seg: movToSeg,
  clts: plain("clts"), hlt: withNext("hlt"), invd: plain("privilegedNop"), wbinvd: plain("privilegedNop"), wbnoinvd: plain("privilegedNop"),
  invlpg: (c) => c.call("invlpg", c.address(1)), invpcid,
  popf: stateful((c) => c.call("popf", c.i32(c.form.opSize), c.nextRip())),
  rdmsr: plain("rdmsr"), wrmsr: withNext("wrmsr"), rdtsc: plain("rdtsc"), rdtscp: plain("rdtscp"), rdpmc: plain("rdpmc"),
  rdpid: (c) => {
    c.call("rdpid");
    storeResult(c);
  },
  cpuid: plain("cpuid"), rdpkru: plain("rdpkru"), wrpkru: plain("wrpkru"), xgetbv: plain("xgetbv"), xsetbv: plain("xsetbv"),
  rdfsbase: readBase(0), rdgsbase: readBase(1), wrfsbase: writeBase(0), wrgsbase: writeBase(1),
  rdrand: random("rdrand"), rdseed: random("rdseed"), monitor: plain("monitor"), mwait: withNext("mwait"),
  fxsave: (c) => c.call("fxsave", area(c), wide(c)), fxrstor: (c) => c.call("fxrstor", area(c), wide(c)),
  xsave: (c) => c.call("xsave", area(c), wide(c), c.i32(0)), xsaveopt: (c) => c.call("xsave", area(c), wide(c), c.i32(1)),
  xsavec: (c) => c.call("xsave", area(c), wide(c), c.i32(2)), xsaves: (c) => c.call("xsave", area(c), wide(c), c.i32(3)),
  xrstor: (c) => c.call("xrstor", area(c), wide(c), c.i32(0)), xrstors: (c) => c.call("xrstor", area(c), wide(c), c.i32(1)),
  clflush: (c) => void c.load(8, c.address(1)), clflushopt: (c) => void c.load(8, c.address(1)), clwb: (c) => void c.load(8, c.address(1)),
  daa: plain("daa"), das: plain("das"), aaa: plain("aaa"), aas: plain("aas"),
  aam: (c) => c.call("aam", c.emit("i32.and", [c.immediate(32), c.i32(255)])),
  aad: (c) => c.call("aad", c.emit("i32.and", [c.immediate(32), c.i32(255)])),
  bound, movdiri, movdir64b, ud0: undefined_, ud1: undefined_, ud2: undefined_,
  // Outside of system management mode, which no guest enters.
  rsm: undefined_,
};

