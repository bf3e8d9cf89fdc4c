/** The list of breakpoints, the ways to add one, and the user's symbols. */
import type { Access, Breakpoint, LookRequest } from "../../vmm/api.ts";
import { h } from "../dom.ts";
import { hex } from "./format.ts";
import { section } from "./live.ts";
import type { View, ViewHost } from "./view.ts";

const ACCESS: Readonly<Record<Access, string>> = { read: "read", write: "write", access: "read or write" };

export function describe(b: Breakpoint): string {
  switch (b.kind) {
    case "code": return `${b.physical === true ? "physical " : ""}address ${hex(b.address, 8)}`;
    case "data": return `${ACCESS[b.access]} of ${b.length} ${b.length === 1 ? "byte" : "bytes"} at ${hex(b.address, 8)}`;
    case "port": return `${ACCESS[b.access]} of port ${hex(b.first, 4)}${b.last === b.first ? "" : ` to ${hex(b.last, 4)}`}`;
    case "vector": return `vector ${hex(b.first, 2)}${b.last === b.first ? "" : ` to ${hex(b.last, 2)}`}`;
  }
}

/** `3f8`, `3f8-3ff`: a range of hexadecimal numbers. */
export function parseRange(text: string): { readonly first: number; readonly last: number } {
  const match = /^(?:0x)?([0-9a-f]{1,4})h?(?:\s*(?:-|\.\.|–)\s*(?:0x)?([0-9a-f]{1,4})h?)?$/i.exec(text.trim());
  if (match === null) throw new Error(`${text === "" ? "nothing" : text} is no number or range in hexadecimal`);
  const first = Number.parseInt(match[1], 16);
  return { first, last: match[2] === undefined ? first : Number.parseInt(match[2], 16) };
}

export class BreakpointsView implements View {
  readonly name = "Breakpoints";
  readonly element = h("div", { class: "ins-view" });
  private readonly list = h("ul", { class: "ins-list" });
  private readonly kind = h(
    "select", { "aria-label": "Kind of breakpoint" },
    h("option", { value: "code" }, "Address"), h("option", { value: "data" }, "Data"), h("option", { value: "port" }, "Port"), h("option", { value: "vector" }, "Interrupt"),
  );
  private readonly where = h("input", { type: "text", "aria-label": "Where", spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
  private readonly access = h("select", { "aria-label": "Access" }, h("option", { value: "write" }, "write"), h("option", { value: "read" }, "read"), h("option", { value: "access" }, "both"));
  private readonly length = h("input", { type: "number", min: 1, max: 65536, value: 8, "aria-label": "Bytes", title: "Bytes" });
  private readonly error = h("p", { class: "ins-error", role: "alert", hidden: true });
  private shown = "";

  constructor(host: ViewHost, addSymbols: (file: File) => Promise<string>) {
    const form = h("form", { class: "ins-field" }, this.kind, this.where, this.access, this.length, h("button", { type: "submit", class: "button" }, "Add"), this.error);
    this.kind.addEventListener("change", () => this.fields());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(host).then(() => {
        this.error.hidden = true;
        this.where.value = "";
      }, (e: unknown) => {
        this.error.textContent = e instanceof Error ? e.message : String(e);
        this.error.hidden = false;
      });
    });
    this.fields();
    const file = h("input", { type: "file", "aria-label": "File with symbols" });
    const note = h("p", { class: "ins-note", role: "status" });
    file.addEventListener("change", () => {
      const [chosen] = file.files ?? [];
      if (chosen === undefined) return;
      addSymbols(chosen).then((text) => (note.textContent = text), (e: unknown) => (note.textContent = e instanceof Error ? e.message : String(e)));
    });
    this.element.append(
      section("Breakpoints", form, this.list),
      section("Symbols", h("p", { class: "ins-hint" }, "An ELF vmlinux with a symbol table, a System.map, or the text of the guest's /proc/kallsyms."), file, note),
    );
  }

  private fields(): void {
    const kind = this.kind.value;
    this.access.hidden = kind !== "data" && kind !== "port";
    this.length.hidden = kind !== "data";
    this.where.placeholder = kind === "port" ? "3f8 or 3f8-3ff" : kind === "vector" ? "0e or 20-2f" : "symbol, ffffffff81…";
  }

  private async add(host: ViewHost): Promise<void> {
    const text = this.where.value.trim();
    const access = this.access.value as Access;
    switch (this.kind.value) {
      case "data": return host.add({ kind: "data", address: await host.evaluate(text), length: Number(this.length.value), access });
      case "port": return host.add({ kind: "port", ...parseRange(text), access });
      case "vector": return host.add({ kind: "vector", ...parseRange(text) });
      default: return host.add({ kind: "code", address: await host.evaluate(text) });
    }
  }

  request(): LookRequest {
    return {};
  }

  show(_look: unknown, host: ViewHost): void {
    const now = JSON.stringify([host.hit, host.breakpoints.map((b) => [b.id, describe(b)])]);
    if (now === this.shown) return;
    this.shown = now;
    if (host.breakpoints.length === 0) {
      this.list.replaceChildren(h("li", { class: "ins-hint" }, "None yet."));
      return;
    }
    this.list.replaceChildren(...host.breakpoints.map((b) => {
      const remove = h("button", { type: "button", class: "button", "aria-label": `Remove the breakpoint on ${describe(b)}` }, "Remove");
      remove.addEventListener("click", () => host.remove(b.id));
      return h("li", host.hit === b.id ? { class: "hit" } : {}, h("span", {}, describe(b)), remove);
    }));
  }
}
