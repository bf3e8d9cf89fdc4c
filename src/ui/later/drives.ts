/** The drives of a machine: disks, CD-ROMs, floppies; media in and out; what becomes of what the guest writes; the boot order. */
import "./styles/panels.css";
import "./styles/dialogs.css";
import type { DriveInfo, FileSource, MachineDefinition, MachineInput } from "../../vmm/api.ts";
import { button, h, icon, messageOf } from "../dom.ts";
import { formatBytes } from "../format.ts";
import type { PageServices, PanelContent } from "../services.ts";
import { select, textField, field } from "./fields.ts";
import { openMenu } from "./menu.ts";
import { input as inputOf } from "./settings/draft.ts";
import { ask, Sheet } from "./sheet.ts";
import { chooseSource, sourceName } from "./sources.ts";

type Kind = DriveInfo["kind"];
type Writes = DriveInfo["writes"];
const WRITES: readonly (readonly [Writes, string])[] = [["keep", "Writes are kept"], ["discard", "Writes are forgotten"], ["none", "Read-only"]];
const NAMES: Readonly<Record<Kind, string>> = { disk: "Disk", cdrom: "CD-ROM", floppy: "Floppy" };
const LISTS = { disk: "disks", cdrom: "cdroms", floppy: "floppies" } as const;

/** How the guest calls it. */
function deviceName(definition: MachineDefinition, kind: Kind, at: number): string {
  if (kind === "floppy") return `fd${at}`;
  if (kind === "cdrom") return `sr${at}`;
  const { bus } = definition.disks[at];
  const letter = String.fromCharCode(97 + definition.disks.slice(0, at).filter((d) => d.bus === bus).length);
  return bus === "virtio" ? `vd${letter}` : `sd${letter}`;
}

export function openDrives(host: HTMLElement, id: string, services: PageServices): PanelContent {
  const panel = new DrivesPanel(host, id, services);
  return { close: () => panel.close() };
}

class DrivesPanel {
  private readonly list = h("ul", { class: "drives" });
  private readonly empty = h("p", { class: "empty", hidden: true }, "There are no drives.");
  private readonly note = h("p", { class: "note", hidden: true }, "Drives that are added or removed are there when the machine starts again.");
  private readonly unsubscribe: () => void;
  private shown: MachineDefinition | null = null;
  private state: string | null = null;
  private turn = 0;

  constructor(
    host: HTMLElement,
    private readonly id: string,
    private readonly services: PageServices,
  ) {
    const add = button("Add a drive", () => this.openAdd(add), { primary: true, id: "add-drive" });
    add.setAttribute("aria-haspopup", "menu");
    host.append(h("div", { class: "panel-actions" }, add), this.note, this.empty, this.list);
    this.unsubscribe = services.manager.subscribe((event) => {
      if (event.kind !== "machine" || event.id !== id) return;
      if (event.machine.definition !== this.shown || event.machine.state !== this.state) void this.load();
    });
    void this.load();
  }

  close(): void {
    this.turn++;
    this.unsubscribe();
  }

  private async load(): Promise<void> {
    const turn = ++this.turn;
    const machine = this.services.manager.get(this.id);
    if (machine === null) return;
    this.shown = machine.definition;
    this.state = machine.state;
    try {
      const drives = await this.services.manager.drives(this.id);
      if (turn !== this.turn) return;
      const focused = (document.activeElement as HTMLElement | null)?.id ?? "";
      this.empty.hidden = drives.length > 0;
      this.note.hidden = machine.state !== "running" && machine.state !== "paused";
      this.list.replaceChildren(...drives.map((drive) => this.row(drive, machine.definition)));
      if (focused !== "") document.getElementById(focused)?.focus();
    } catch (error) {
      this.services.fail(error);
    }
  }

  private row(drive: DriveInfo, definition: MachineDefinition): HTMLElement {
    const { id, kind, image, writes, keptBytes } = drive;
    const at = Number(/\d+$/.exec(id)?.[0] ?? 0);
    const alive = this.state === "running" || this.state === "paused";
    const what = image === null ? "Empty" : "blank" in image ? `New disk of ${formatBytes(image.blank)}` : sourceName(image);
    const actions = h("div", { class: "actions" });
    if (kind !== "disk") {
      actions.append(button(image === null ? "Insert…" : "Change…", () => void this.attempt(async () => {
        const source = await chooseSource(`${NAMES[kind]}: what to insert`, this.services);
        if (source !== null) await this.services.manager.insert(this.id, id, source);
      }), { id: `${id}-insert` }));
      if (image !== null) actions.append(button("Eject", () => void this.attempt(() => this.services.manager.insert(this.id, id, null)), { id: `${id}-eject` }));
    }
    const parts: Node[] = [
      h("div", { class: "drive-head" }, icon(kind === "cdrom" ? "disc" : "disk"),
        h("span", { class: "drive-words" }, h("strong", {}, `${NAMES[kind]} ${deviceName(definition, kind, at)}`), h("span", { title: what }, what)),
        this.removeButton(drive, at, alive)),
    ];
    if (kind !== "cdrom" && image !== null) {
      const choice = select(`${id}-writes`, "blank" in image ? WRITES.filter(([w]) => w !== "none") : WRITES, writes);
      choice.setAttribute("aria-label", `What ${NAMES[kind]} ${at + 1} does with writes`);
      choice.disabled = alive;
      choice.addEventListener("change", () => void this.change((next) => {
        const entry = kind === "disk" ? next.disks?.[at] : next.floppies?.[at];
        if (entry !== undefined) entry.writes = choice.value as Writes;
      }));
      actions.append(choice);
      if (keptBytes > 0) {
        const forget = button(`Forget ${formatBytes(keptBytes)}…`, () => void this.attempt(async () => {
          if (!(await ask({ title: "Forget what was written?", text: `The disk is again what its image says. ${formatBytes(keptBytes)} of writes are lost.`, yes: "Forget", danger: true }))) return;
          await this.services.manager.forgetWrites(this.id, id);
          await this.load();
        }), { id: `${id}-forget` });
        forget.disabled = alive;
        actions.append(forget);
      }
    }
    if (actions.childElementCount > 0) parts.push(actions);
    return h("li", { class: "drive", "data-drive": id }, ...parts);
  }

  private removeButton({ id, kind }: DriveInfo, at: number, alive: boolean): HTMLElement {
    const name = `${NAMES[kind]} ${at + 1}`;
    const element = h("button", { type: "button", class: "tool icon-only", id: `${id}-remove`, disabled: alive, "aria-label": `Remove ${name}`, title: alive ? "Switch the machine off first" : "Remove" }, icon("close"));
    element.addEventListener("click", () => void this.attempt(async () => {
      if (!(await ask({ title: `Remove ${name}?`, text: "What the guest has written to it is lost; the image itself is not.", yes: "Remove", danger: true }))) return;
      await this.change((next) => void (next[LISTS[kind]] as unknown[] | undefined)?.splice(at, 1));
    }));
    return element;
  }

  private openAdd(at: HTMLElement): void {
    const image = (title: string, use: (next: MachineInput, source: FileSource) => void) => (): void => void this.attempt(async () => {
      const source = await chooseSource(title, this.services);
      if (source !== null) await this.change((next) => use(next, source));
    });
    openMenu(at, [
      { label: "Disk from an image (IDE)…", run: image("Disk image", (next, source) => next.disks?.push({ image: source, bus: "ide" })) },
      { label: "Disk from an image (virtio)…", run: image("Disk image", (next, source) => next.disks?.push({ image: source, bus: "virtio" })) },
      { label: "New, empty disk…", run: () => this.openBlank() },
      "line",
      { label: "CD-ROM with an image…", run: image("CD image", (next, source) => next.cdroms?.push({ image: source })) },
      { label: "Empty CD-ROM", run: () => void this.change((next) => void next.cdroms?.push({})) },
      { label: "Floppy with an image…", run: image("Floppy image", (next, source) => next.floppies?.push({ image: source })) },
      { label: "Empty floppy drive", run: () => void this.change((next) => void next.floppies?.push({})) },
    ], "Add a drive");
  }

  private openBlank(): void {
    const sheet = new Sheet({ id: "blank-disk", title: "New, empty disk" });
    const size = textField("blank-size", "2G");
    const bus = select<"ide" | "virtio">("blank-bus", [["ide", "IDE: firmware boots from it"], ["virtio", "virtio: faster"]], "ide");
    const error = h("p", { class: "form-error", role: "alert", hidden: true });
    const form = h("form", { class: "fields" }, field("Size", size, "As 512M or 2G. Room is taken when it is written to."), field("Connection", bus), error);
    const done = (): void => {
      const text = size.value.trim();
      this.update((next) => void next.disks?.push({ image: { blank: /^\d+$/.test(text) ? Number(text) : text }, bus: bus.value as "ide" | "virtio" })).then(() => sheet.close(), (e: unknown) => {
        error.hidden = false;
        error.textContent = messageOf(e);
        size.focus();
      });
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      done();
    });
    sheet.body.append(form);
    sheet.actions(button("Cancel", () => sheet.close()), button("Add it", done, { primary: true, id: "blank-add" }));
    sheet.open();
    size.select();
  }

  private change(edit: (next: MachineInput) => void): Promise<void> {
    return this.attempt(() => this.update(edit));
  }

  private async update(edit: (next: MachineInput) => void): Promise<void> {
    const machine = this.services.manager.get(this.id);
    if (machine === null) return;
    const next = inputOf(machine.definition);
    edit(next);
    await this.services.manager.update(this.id, next);
    await this.load();
  }

  private async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.services.fail(error);
    }
  }
}
