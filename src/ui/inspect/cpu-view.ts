/** The processor: flags, general registers, code at RIP, stack; segments, control registers, MSRs and vectors on demand. */
import type { Look, LookRequest, RegistersView } from "../../vmm/api.ts";
import { h } from "../dom.ts";
import { FLAGS, hex } from "./format.ts";
import { Cell, Mark, Rows, section, table } from "./live.ts";
import type { View, ViewHost } from "./view.ts";

const NAMES64 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
/** As people read them. */
const ORDER = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];

export class CpuView implements View {
  readonly name = "CPU";
  readonly element = h("div", { class: "ins-view" });
  private readonly mode = new Cell(h("p", { class: "ins-note" }));
  private readonly flags: readonly { readonly bit: number; readonly chip: HTMLElement; readonly mark: Mark }[];
  private readonly registers: readonly { readonly name: HTMLElement; readonly value: Cell; readonly box: HTMLElement }[];
  private readonly pointer = new Cell(h("dd"));
  private readonly pointerName = h("dt", {}, "rip");
  private readonly code: Rows;
  private readonly stack: Rows;
  private readonly more = h("details", { class: "ins-more" }, h("summary", {}, "Segments, control registers, MSRs, vectors"));
  private readonly segments: Rows;
  private readonly control: Rows;
  private readonly msrs: Rows;
  private readonly vectors: Rows;

  constructor(host: ViewHost) {
    this.flags = FLAGS.map(([name, bit, meaning]) => {
      const chip = h("span", { class: "ins-flag", title: meaning }, name);
      return { bit, chip, mark: new Mark(chip) };
    });
    const list = h("dl", { class: "ins-registers" });
    list.append(h("div", { class: "ins-pointer" }, this.pointerName, this.pointer.element));
    this.registers = ORDER.map((n) => {
      const name = h("dt", {}, NAMES64[n]);
      const value = h("dd");
      const box = h("div", {}, name, value);
      list.append(box);
      return { name, value: new Cell(value), box };
    });
    const code = table(["", "Address", "Bytes", "Instruction"], "ins-code");
    this.code = new Rows(code.body, new Set(), (row, key) => {
      if (key.startsWith("0x")) row.addEventListener("click", () => host.toggleCode(BigInt(key)));
    });
    const stack = table(["Address", "Value", ""]);
    this.stack = new Rows(stack.body, new Set([1]));
    const segments = table(["", "Selector", "Base", "Limit", ""]);
    this.segments = new Rows(segments.body, new Set([1, 2, 3]));
    const control = table(["", "Value"]);
    this.control = new Rows(control.body, new Set([1]));
    const msrs = table(["MSR", "Value"]);
    this.msrs = new Rows(msrs.body, new Set([1]));
    const vectors = table(["", "Value"]);
    this.vectors = new Rows(vectors.body, new Set([1]));
    this.more.append(segments.element, h("div", { class: "ins-pair" }, control.element, msrs.element), vectors.element);
    this.element.append(
      section("Registers", this.mode.element, h("p", { class: "ins-flags" }, ...this.flags.map((f) => f.chip)), list),
      section("Code", h("p", { class: "ins-hint" }, "A click on a line sets or removes a breakpoint."), h("div", { class: "ins-scroll" }, code.element)),
      section("Stack", h("div", { class: "ins-scroll" }, stack.element)),
      this.more,
    );
  }

  request(): LookRequest {
    return { registers: true, code: { address: null, lines: 16 }, stack: { lines: 10 } };
  }

  show(look: Look, host: ViewHost): void {
    const r = look.registers;
    if (r !== null) this.showRegisters(r);
    this.code.set((look.code ?? []).flatMap((l) => {
      const line = {
        key: `0x${hex(l.address)}`, cells: [host.hasCode(l.address) ? "●" : "", hex(l.address, 8), l.bytes, l.text],
        className: `${l.here ? "here" : ""} ${host.hasCode(l.address) ? "stop" : ""}`, title: l.symbol,
      };
      return l.first || (l === look.code?.[0] && l.symbol !== "") ? [{ key: `label ${line.key}`, cells: ["", "", "", `${l.symbol}:`], className: "label" }, line] : [line];
    }));
    const digits = (r?.codeBits ?? 64) / 4;
    this.stack.set((look.stack ?? []).map((l, i) => ({ key: String(i), cells: [hex(l.address, digits), l.value === null ? "not mapped" : hex(l.value, digits), l.symbol] })));
  }

  private showRegisters(r: RegistersView): void {
    const wide = r.codeBits === 64;
    this.mode.set(`${r.codeBits}-bit code, ring ${r.cpl}${r.halted ? ", halted" : ""}`, false);
    for (const { bit, chip, mark } of this.flags) {
      const on = (r.flags >>> bit) & 1;
      const now = on ? "on" : "off";
      mark.set(now);
      chip.dataset["state"] = now;
    }
    this.pointerName.textContent = wide ? "rip" : r.codeBits === 32 ? "eip" : "ip";
    this.pointer.set(hex(r.ip, wide ? 16 : 8));
    this.registers.forEach(({ name, value, box }, i) => {
      const n = ORDER[i];
      box.hidden = !wide && n >= 8;
      name.textContent = wide ? NAMES64[n] : `e${NAMES64[n].slice(1)}`;
      value.set(hex(wide ? r.general[n] : r.general[n] & 0xffffffffn, wide ? 16 : 8));
    });
    if (!this.more.open) return;
    this.segments.set(r.segments.map((s) => ({ key: s.name, cells: [s.name, s.selector === 0 && s.text === "" ? "" : hex(s.selector, 4), hex(s.base, 8), hex(s.limit, 8), s.text] })));
    this.control.set(r.control.map(([name, value]) => ({ key: name, cells: [name, hex(value, 8)] })));
    this.msrs.set(r.msrs.map(([name, value]) => ({ key: name, cells: [name, hex(value, 16)] })));
    const wideHex = (v: bigint, digits: number): string => v.toString(16).padStart(digits, "0");
    this.vectors.set([
      ...r.xmm.map((v, i) => ({ key: `xmm${i}`, cells: [`xmm${i}`, wideHex(v, 32)] })),
      ...r.st.map((v, i) => ({ key: `st${i}`, cells: [`st${i}`, wideHex(v, 20)] })),
      { key: "mxcsr", cells: ["mxcsr", hex(r.mxcsr, 4)] },
      { key: "fpu", cells: ["x87 control, status", `${hex(r.fpuControl, 4)}, ${hex(r.fpuStatus, 4)}`] },
    ]);
  }
}
