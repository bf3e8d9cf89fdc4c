/** The drawer for own images and the machine's settings. */
import { byId, h, icon } from "../dom.ts";
import { formatBytes } from "../format.ts";
import { checkForm, DEFAULT_SETTINGS, type Settings } from "../settings.ts";
import type { OwnImages } from "../sources.ts";
import type { DroppedFile } from "./drop.ts";
import { closeOnBackdrop } from "./help.ts";

export type SourceChoice = "default" | "own";

export interface SettingsActions {
  /** The form was valid and submitted: start the machine. */
  start(): void;
  changed(settings: Settings): void;
  closed(): void;
}

export class SettingsDialog {
  private readonly dialog = byId("settings", HTMLDialogElement);
  private readonly ownImages = byId("own-images", HTMLFieldSetElement);
  private readonly kernelInput = byId("kernel-input", HTMLInputElement);
  private readonly initrdInput = byId("initrd-input", HTMLInputElement);
  private readonly kernelList = byId("kernel-file");
  private readonly initrdList = byId("initrd-files");
  private readonly cmdline = byId("cmdline", HTMLTextAreaElement);
  private readonly memory = byId("memory", HTMLInputElement);
  private readonly cpu = byId("cpu", HTMLInputElement);
  private readonly deterministic = byId("deterministic", HTMLInputElement);
  private readonly screenReader = byId("screen-reader", HTMLInputElement);
  private readonly error = byId("settings-error");
  private readonly note = byId("default-note");
  private readonly radios = [...document.querySelectorAll<HTMLInputElement>('input[name="source"]')];

  /** What the form shows, and what was last started from. */
  private source: SourceChoice = "default";
  private started: SourceChoice = "default";
  private kernel: File | null = null;
  private initrds: File[] = [];
  /** What guest.json says; null while it is not known or not there. */
  private guestCmdline: string | null = null;
  private guestNote = "";
  /** The command lines of both sources; the field shows one of them. */
  private cmdlines: Record<SourceChoice, string | null>;

  constructor(
    private current: Settings,
    private readonly actions: SettingsActions,
  ) {
    this.cmdlines = { default: current.defaultCmdline, own: current.ownCmdline };
    for (const radio of this.radios) radio.addEventListener("change", () => this.choose(radio.value === "own" ? "own" : "default"));
    this.kernelInput.addEventListener("change", () => this.take(this.kernelInput, (files) => { this.kernel = files[0]; }));
    this.initrdInput.addEventListener("change", () => this.take(this.initrdInput, (files) => this.initrds.push(...files)));
    this.cmdline.addEventListener("input", () => {
      this.cmdlines[this.source] = this.cmdline.value;
    });
    this.screenReader.addEventListener("change", () => this.apply());
    byId("settings-close").addEventListener("click", () => this.dialog.close());
    byId("settings-defaults").addEventListener("click", () => this.restoreDefaults());
    byId("settings-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    // Ctrl+Enter or Enter in the command line starts: it is one line for the guest.
    this.cmdline.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) {
        event.preventDefault();
        this.submit();
      }
    });
    closeOnBackdrop(this.dialog);
    this.dialog.addEventListener("close", () => {
      this.apply();
      this.actions.closed();
    });
    this.fillMachine();
    this.fill();
  }

  get settings(): Settings {
    return this.current;
  }

  /** What a machine is started from: the last choice that was submitted. */
  get choice(): SourceChoice {
    return this.started;
  }

  get images(): OwnImages {
    return { kernel: this.kernel, initrds: this.initrds };
  }

  /** Tells what is known of the default guest. `cmdline` null: there is none. */
  describeDefault(note: string, cmdline: string | null): void {
    this.guestNote = note;
    this.guestCmdline = cmdline;
    this.fill();
  }

  open(choice: SourceChoice = this.dialog.open ? this.source : this.started): void {
    if (!this.dialog.open) this.fillMachine();
    this.choose(choice);
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** Dropped files: the last kernel wins, initrds are added. */
  drop(files: readonly DroppedFile[]): void {
    const initrds = files.filter((f) => f.kind === "initrd").map((f) => f.file);
    const kernel = files.filter((f) => f.kind === "kernel").at(-1)?.file;
    if (kernel !== undefined) this.kernel = kernel;
    // One file of unknown kind and no kernel yet: it is what the user wants to start.
    if (kernel === undefined && this.kernel === null && initrds.length === 1 && files.length === 1) this.kernel = initrds[0];
    else this.initrds.push(...initrds);
    this.open("own");
  }

  private take(input: HTMLInputElement, use: (files: File[]) => void): void {
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length > 0) use(files);
    this.showError(null);
    this.fill();
  }

  private choose(choice: SourceChoice): void {
    this.source = choice;
    this.showError(null);
    this.fill();
  }

  private fill(): void {
    const own = this.source === "own";
    for (const radio of this.radios) radio.checked = radio.value === this.source;
    this.ownImages.hidden = !own;
    this.note.hidden = own;
    this.note.textContent = this.guestNote;
    this.cmdline.value = (own ? this.cmdlines.own : (this.cmdlines.default ?? this.guestCmdline)) ?? "";
    this.listFiles(this.kernelList, this.kernel === null ? [] : [this.kernel], () => {
      this.kernel = null;
    });
    this.listFiles(this.initrdList, this.initrds, (at) => {
      this.initrds.splice(at, 1);
    });
  }

  private fillMachine(): void {
    this.memory.value = String(this.current.memoryMib);
    this.cpu.value = this.current.cpu;
    this.deterministic.checked = this.current.deterministic;
    this.screenReader.checked = this.current.screenReader;
  }

  private listFiles(list: HTMLElement, files: readonly File[], remove: (at: number) => void): void {
    list.replaceChildren(
      ...files.map((file, at) => {
        const button = h("button", { type: "button", class: "tool icon-only", "aria-label": `Remove ${file.name}`, title: "Remove" }, icon("close"));
        button.addEventListener("click", () => {
          remove(at);
          this.fill();
        });
        return h("li", {}, h("span", { class: "name", title: file.name }, file.name), h("span", { class: "bytes" }, formatBytes(file.size)), button);
      }),
    );
  }

  private restoreDefaults(): void {
    this.current = { ...DEFAULT_SETTINGS, screenReader: this.current.screenReader };
    this.cmdlines = { default: null, own: DEFAULT_SETTINGS.ownCmdline };
    this.showError(null);
    this.fillMachine();
    this.fill();
    this.actions.changed(this.current);
  }

  /** Takes the form over if it is valid. */
  private apply(): boolean {
    const typed = this.cmdlines.default;
    const result = checkForm(
      { memory: this.memory.value, cpu: this.cpu.value },
      {
        deterministic: this.deterministic.checked,
        screenReader: this.screenReader.checked,
        defaultCmdline: typed === null || typed.trim() === (this.guestCmdline ?? "").trim() ? null : oneLine(typed),
        ownCmdline: oneLine(this.cmdlines.own ?? ""),
      },
    );
    if ("error" in result) {
      this.showError(result.error, result.field === "memory" ? this.memory : this.cpu);
      return false;
    }
    this.current = result.settings;
    this.actions.changed(this.current);
    return true;
  }

  private submit(): void {
    this.showError(null);
    if (!this.apply()) return;
    if (this.source === "own" && this.kernel === null) {
      this.showError("Choose a kernel first.", this.kernelInput);
      return;
    }
    this.started = this.source;
    this.dialog.close();
    this.actions.start();
  }

  private showError(message: string | null, field?: HTMLElement): void {
    for (const input of [this.memory, this.cpu, this.kernelInput]) input.removeAttribute("aria-invalid");
    this.error.hidden = message === null;
    this.error.textContent = message ?? "";
    if (field === undefined) return;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", this.error.id);
    field.focus();
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim();
}
