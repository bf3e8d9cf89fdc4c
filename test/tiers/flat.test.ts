/** 32-bit code in flat segments against the same code in segments of almost 4 GiB, whose limits are checked; and the edges where the two must differ, in both tiers. */
import { describe, expect, it } from "vitest";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { CS, DS, ES, FETCH_KEY_FLAT, FETCH_KEY_MODE, RAM_BASE, SS, STATE } from "../../src/cpu/layout.ts";
import { Random } from "../fuzz/random.ts";
import { CODE, Rig } from "./rig.ts";

const GDT = 0x5000, IDT = 0x6000, PD = 0x7000, PT = 0x9000, HANDLERS = 0xa000;
/** Selectors: 64-bit code, flat data, flat 32-bit code, data of 4 KiB, data that ends a page below 4 GiB, data of 16 bytes. */
const SEL = { code64: 0x08, flat: 0x10, code32: 0x18, page: 0x20, almost: 0x28, tiny: 0x30 };
const DESCRIPTORS = [0n, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00cf9b000000ffffn, 0x0040930000000fffn, 0x00cf93000000fffen, 0x004093000000000fn];
/** The last page of 4 GiB shows this one. */
const LAST_PAGE = 0x12000;
const FAULT_AT = 0xb000;
const TIERS = [{ tier: "0" as const }, { tier: "1" as const }];

/** A rig in 32-bit code whose faults halt with their vector at FAULT_AT. */
function rig32(source: string, tier: "0" | "1", code: Uint8Array | null = null): Rig {
  const rig = new Rig("hlt", { tier });
  const s = rig.vcpu.state;
  const w64 = (paddr: number, v: bigint): void => void (s.u64[(RAM_BASE + paddr) >> 3] = v);
  DESCRIPTORS.forEach((d, i) => {
    w64(GDT + 8 * i, d);
  });
  s.gdtr.base = BigInt(GDT);
  s.gdtr.limit = DESCRIPTORS.length * 8 - 1;
  for (let vector = 0; vector < 32; vector++) {
    const at = HANDLERS + 16 * vector;
    s.u8.set(assembleProgram(`mov byte ptr [abs ${FAULT_AT}], ${vector}\n hlt`.replace("byte ptr [abs", "byte ["), { mode: 64, origin: at }).bytes, RAM_BASE + at);
    w64(IDT + 16 * vector, BigInt(at & 0xffff) | (BigInt(SEL.code64) << 16n) | (0x8e00n << 32n) | (BigInt(at >> 16) << 48n));
    w64(IDT + 16 * vector + 8, 0n);
  }
  s.idtr.base = BigInt(IDT);
  s.idtr.limit = 0xfff;
  w64(0x2000 + 8 * 3, BigInt(PD | 3));
  // For the handlers' stack, too, which goes around 64 bits.
  w64(0x1000 + 8 * 511, 0x2003n);
  w64(0x2000 + 8 * 511, BigInt(PD | 3));
  w64(PD + 8 * 511, BigInt(PT | 3));
  w64(PT + 8 * 511, BigInt(LAST_PAGE | 3));
  s.setSegment(CS, SEL.code32, 0n, 0xffffffff, 0xc09b);
  s.updateMode();
  rig.vcpu.mmu.flushAll();
  s.u8[RAM_BASE + FAULT_AT] = 0xff;
  s.u8.set(code ?? assembleProgram(source, { mode: 32, origin: CODE }).bytes, RAM_BASE + CODE);
  return rig;
}
const vectorOf = (rig: Rig): number => rig.vcpu.state.u8[RAM_BASE + FAULT_AT];
const isFlat = (rig: Rig): boolean => (rig.vcpu.state.i32[STATE.fetchKey >> 2] & FETCH_KEY_MODE) === FETCH_KEY_FLAT;
const NONE = 0xff, SS_FAULT = 12, GP = 13;

/** Around `body`, often enough that it is compiled. */
const loop = (body: string, turns = 20): string => `mov ecx, ${turns}\nagain:\n${body}\n dec ecx\n jnz again\n hlt`;

describe.each(TIERS)("flat 32-bit code, tier $tier", ({ tier }) => {
  it("is told from code whose segments end, as they are loaded", () => {
    const rig = rig32("hlt", tier);
    const s = rig.vcpu.state;
    expect(isFlat(rig)).toBe(true);
    for (const segment of [DS, ES, SS]) {
      s.setSegment(segment, SEL.page, 0n, 0xfff, 0x4093);
      expect(isFlat(rig)).toBe(false);
      s.setSegment(segment, SEL.flat, 0n, 0xffffffff, 0xc093);
      expect(isFlat(rig)).toBe(true);
    }
    s.setSegment(DS, SEL.flat, 0x1000n, 0xffffffff, 0xc093);
    expect(isFlat(rig)).toBe(false);
  });

  it.each([
    ["what ends before the last byte of 4 GiB", "mov eax, [0xfffffffc]", NONE],
    ["a read beyond 4 GiB", "mov eax, [0xfffffffe]", GP],
    ["a write beyond 4 GiB", "mov [0xfffffffd], eax", GP],
    ["a read by EBP beyond 4 GiB", "mov ebp, 0xfffffffe\n mov eax, [ebp]", SS_FAULT],
    ["POP beyond 4 GiB", "mov esp, 0xfffffffe\n pop eax", SS_FAULT],
    ["PUSH around 4 GiB", "mov esp, 2\n push eax", SS_FAULT],
    ["a byte at offset 0 of the code segment written", "mov cs:[0], al", GP],
    ["the same by an address in the instruction", "db 0x2e, 0xa2, 0, 0, 0, 0", GP],
    ["a byte at offset 0 of the code segment read", "mov al, cs:[0]", NONE],
    ["an index that goes around", `mov ebx, 0xffffffff\n mov eax, [ebx*4+${FAULT_AT + 8}]`, NONE],
  ])("%s", (_name, body, vector) => {
    // The stack is put back for the handler.
    const rig = rig32(loop(`mov esp, 0x70000\n${body}\n mov esp, 0x70000`), tier).run();
    expect(vectorOf(rig)).toBe(vector);
  });

  it("a segment that is loaded on the way holds from the next instruction on", () => {
    const load = (selector: number): string => `mov eax, ${selector}\n mov ds, ax\n`;
    expect(vectorOf(rig32(loop(`${load(SEL.page)} mov edx, [0x800]\n ${load(SEL.flat)} mov edx, [0x10000]`), tier).run())).toBe(NONE);
    expect(vectorOf(rig32(`${loop(`${load(SEL.page)} mov edx, [0x800]\n ${load(SEL.flat)} mov edx, [0x10000]`).replace(/hlt$/, "")} ${load(SEL.page)} mov edx, [0x1000]\n hlt`, tier).run())).toBe(GP);
    expect(vectorOf(rig32(`push ${SEL.page}\n pop es\n mov edi, 0x2000\n mov al, 5\n stosb\n hlt`, tier).run())).toBe(GP);
  });

  it("FS keeps its limit", () => {
    const body = `mov eax, ${SEL.flat}\n mov fs, ax\n mov edx, fs:[0x20]\n`;
    expect(vectorOf(rig32(loop(body), tier).run())).toBe(NONE);
    expect(vectorOf(rig32(`${loop(body).replace(/hlt$/, "")} mov eax, ${SEL.tiny}\n mov fs, ax\n mov ecx, 30\nx:\n mov edx, fs:[0xc]\n dec ecx\n jnz x\n mov edx, fs:[0xd]\n hlt`, tier).run())).toBe(GP);
  });

  it("jumps go around 4 GiB", () => {
    // At the last page: JMP to 0x10100.
    const rig = rig32("hlt", tier);
    const u8 = rig.vcpu.state.u8;
    u8.set([0xe9, ...new Uint8Array(Int32Array.of(0x10100 - 0xfffff105).buffer)], RAM_BASE + LAST_PAGE + 0x100);
    u8.set(assembleProgram("dec ecx\n jz done\n jmp eax\ndone:\n hlt", { mode: 32, origin: 0x10100 }).bytes, RAM_BASE + 0x10100);
    u8.set(assembleProgram("mov eax, 0xfffff100\n mov ecx, 50\n jmp eax", { mode: 32, origin: CODE }).bytes, RAM_BASE + CODE);
    rig.run();
    expect([vectorOf(rig), rig.vcpu.state.reg(1), rig.vcpu.retired]).toEqual([NONE, 0n, 3 + 50 + 49 * 3 + 3]);
  });

  it("does what it does in segments that are checked", () => {
    const random = new Random(7);
    const pick = (n: number): number => random.u32() % n;
    const registers = ["eax", "ebx", "edx", "esi", "edi", "ebp"];
    const reg = (): string => registers[pick(registers.length)];
    const instruction = (): string => {
      switch (pick(12)) {
        case 0: return `mov ${reg()}, [esp+${4 * pick(16)}]`;
        case 1: return `push ${reg()}\n add ${reg()}, [esp]\n pop ${reg()}`;
        case 2: return `lea esi, [0x${(0x20000 + pick(0x8000)).toString(16)}]\n lea edi, [0x${(0x20000 + pick(0x8000)).toString(16)}]\n push ecx\n mov ecx, ${pick(3000)}\n rep movs${"bd"[pick(2)]}\n pop ecx`;
        case 3: return `mov edi, 0x${(0x20000 + pick(0x8000)).toString(16)}\n push ecx\n mov ecx, ${pick(1500)}\n rep stos${"bd"[pick(2)]}\n pop ecx`;
        case 4: return `mov esi, 0x${(0x20000 + pick(0x8000)).toString(16)}\n lods${"bd"[pick(2)]}`;
        case 5: return `push ecx\n mov ecx, 40\n mov esi, 0x20000\n mov edi, 0x20010\n repe cmpsb\n setb al\n pop ecx`;
        case 6: return `mov ebx, 0x${(0x20000 + 4 * pick(0x1000)).toString(16)}\n add [ebx+eax*0], ${reg()}\n xor ${reg()}, [ebx+8]`;
        case 7: return `call f\n add eax, edx`;
        case 8: return `cmp ${reg()}, ${reg()}\n jb l${++labels}\n inc eax\nl${labels}:`;
        case 9: return `std\n mov esi, 0x24000\n mov edi, 0x24100\n push ecx\n mov ecx, ${pick(200)}\n rep movsd\n pop ecx\n cld`;
        case 10: return `enter 16, 0\n mov [ebp-4], edx\n leave`;
        default: return `add ${reg()}, 0x${random.u32().toString(16)}`;
      }
    };
    let labels = 0;
    for (let round = 0; round < 12; round++) {
      const body = Array.from({ length: 12 }, instruction).join("\n");
      const text = `${loop(body, 30).replace(/hlt$/, "jmp end")}\nf:\n mov edx, [esp+4]\n ret\nend:\n hlt`;
      const run = (selector: number): Record<string, unknown> => {
        const rig = rig32(text, tier);
        for (const s of [DS, ES, SS]) rig.vcpu.state.setSegment(s, SEL.flat, 0n, selector === SEL.flat ? 0xffffffff : 0xffffefff, 0xc093);
        rig.vcpu.state.updateMode();
        expect(isFlat(rig)).toBe(selector === SEL.flat);
        rig.run();
        expect(vectorOf(rig)).toBe(NONE);
        // What repeats counts once for each piece of work.
        return { ...rig.result, retired: 0 };
      };
      expect(run(SEL.flat), text).toEqual(run(SEL.almost));
    }
  });
});
