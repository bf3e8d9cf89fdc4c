/** Memory in hexadecimal, the page-table walk of an address, and what the TLBs hold. */
import type { Look, LookRequest, MemorySpace } from "../../vmm/api.ts";
import { h } from "../dom.ts";
import { bytesText, hex } from "./format.ts";
import { addressField, Cell, Rows, section, table } from "./live.ts";
import type { View, ViewHost } from "./view.ts";

const LINES = 16;

export class MemoryView implements View {
  readonly name = "Memory";
  readonly element = h("div", { class: "ins-view" });
  private space: MemorySpace = "linear";
  private expression = "$rsp";
  private address = 0n;
  /** Follows a register: evaluated at each look. */
  private readonly dump: Rows;
  private walkAddress: bigint | null = null;
  private readonly walk: Rows;
  private readonly walkText = new Cell(h("p", { class: "ins-note" }));
  private readonly tlbText = new Cell(h("p", { class: "ins-note" }));
  private readonly tlb: Rows;
  private each = 16;

  constructor(private readonly host: ViewHost) {
    const dump = table(["Address", "Bytes", "Text"], "ins-dump");
    this.dump = new Rows(dump.body, new Set([1, 2]));
    const memory = addressField("Address in memory", "$rsp, symbol+10, ffff8880…", "Show", async (text) => {
      this.address = await host.evaluate(text === "" ? "$rsp" : text);
      this.expression = text === "" ? "$rsp" : text;
      host.refresh();
    });
    memory.input.value = this.expression;
    const space = h("select", { "aria-label": "Address space" }, h("option", { value: "linear" }, "Linear"), h("option", { value: "physical" }, "Physical"));
    space.addEventListener("change", () => {
      this.space = space.value === "physical" ? "physical" : "linear";
      host.refresh();
    });
    memory.form.prepend(space);
    const page = (by: bigint): void => {
      this.address = BigInt.asUintN(64, this.address + by * BigInt(LINES * this.each));
      this.expression = memory.input.value = `0x${hex(this.address)}`;
      host.refresh();
    };
    const back = h("button", { type: "button", class: "button", "aria-label": "Back", title: "Back" }, "↑");
    const on = h("button", { type: "button", class: "button", "aria-label": "On", title: "On" }, "↓");
    back.addEventListener("click", () => page(-1n));
    on.addEventListener("click", () => page(1n));
    memory.form.querySelector("button")?.after(back, on);

    const walk = table(["Table", "Index", "Entry", "Flags", "At"]);
    this.walk = new Rows(walk.body, new Set([2, 3]));
    const walked = addressField("Address to walk", "$rip", "Walk", async (text) => {
      this.walkAddress = text === "" || text === "$rip" ? null : await host.evaluate(text);
      host.refresh();
    });
    const tlb = table(["TLB", "Linear page", "Physical page", "Rights"]);
    this.tlb = new Rows(tlb.body);
    this.element.append(
      section("Memory", memory.form, h("div", { class: "ins-scroll" }, dump.element)),
      section("Page walk", walked.form, this.walkText.element, h("div", { class: "ins-scroll" }, walk.element)),
      section("TLB", this.tlbText.element, h("div", { class: "ins-scroll ins-tall" }, tlb.element)),
    );
  }

  /** Registers in the address are followed. */
  async before(): Promise<void> {
    this.each = this.element.clientWidth > 0 && this.element.clientWidth < 640 ? 8 : 16;
    if (!this.expression.includes("$")) return;
    try {
      this.address = await this.host.evaluate(this.expression);
    } catch {
      // It was good when it was typed.
    }
  }

  request(): LookRequest {
    return {
      memory: { space: this.space, address: this.address, length: LINES * this.each },
      walk: { address: this.walkAddress }, tlb: { near: this.walkAddress, most: 64 },
    };
  }

  show(look: Look): void {
    const { memory, walk, tlb } = look;
    if (memory !== null) {
      this.dump.set(Array.from({ length: Math.ceil(memory.bytes.length / this.each) }, (_, i) => {
        const part = [...memory.bytes.subarray(i * this.each, (i + 1) * this.each)];
        const text = part.map((b) => (b < 0 ? " " : b >= 32 && b < 127 ? String.fromCharCode(b) : "·")).join("");
        const bytes = part.map((b, k) => `${k > 0 && k % 8 === 0 ? " " : ""}${b < 0 ? "--" : hex(b, 2)}`).join(" ");
        return { key: String(i), cells: [hex(memory.address + BigInt(i * this.each), 8), bytes, text] };
      }));
    }
    if (walk !== null) {
      const where = walk.physical === null ? `not mapped: ${walk.reason ?? ""}` : `→ physical ${hex(walk.physical, 8)}, ${walk.rights}${walk.steps.length > 0 ? `, page of ${bytesText(walk.pageSize)}` : ""}`;
      this.walkText.set(`${walk.mode === "none" ? "No paging" : `${walk.mode} paging`}: ${hex(walk.address, 8)} ${where}`);
      this.walk.set(walk.steps.map((s) => ({ key: s.table, cells: [s.table, String(s.index), hex(s.entry, 16), s.flags.join(" "), hex(s.at, 8)] })));
    }
    if (tlb !== null) {
      this.tlbText.set(Object.entries(tlb.counts).map(([kind, n]) => `${kind}: ${n}`).join(", ") || "empty", false);
      this.tlb.set(tlb.entries.map((e) => ({ key: `${e.kind} ${hex(e.linear)}`, cells: [e.kind, hex(e.linear, 8), hex(e.physical, 8), e.rights] })));
    }
  }
}
