/** The form of a machine's settings: the fields that matter. */
import { button, h, icon } from "../../dom.ts";
import { formatBytes } from "../../format.ts";
import { remember, remembered } from "../../remember.ts";
import type { PageServices } from "../../services.ts";
import { field, section, segmented, textField, toggle } from "../fields.ts";
import { chooseSource, sourceName } from "../sources.ts";
import type { BootMode, Draft, DraftError, ImageChoice, Order } from "./draft.ts";

const ORDER_NAMES: Readonly<Record<Order, string>> = { disk: "Disks", cdrom: "CD-ROM", floppy: "Floppy" };
const MEMORY = [64, 128, 256, 512, 1024, 2048];

export class SettingsForm {
  readonly element = h("form", { id: "settings-form", novalidate: true });
  private readonly name: HTMLInputElement;
  private readonly memory: HTMLInputElement;
  private readonly cpu: HTMLInputElement;
  private readonly share = h("input", { type: "range", id: "share", min: 5, max: 100, step: 5 });
  private readonly cmdline = h("textarea", { id: "cmdline", rows: 3, spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
  private readonly cmdlineField: HTMLElement;
  private readonly kernelInput = h("input", { type: "file", id: "kernel-input" });
  private readonly initrdInput = h("input", { type: "file", id: "initrd-input", multiple: true });
  private readonly kernelList = h("ul", { class: "files", id: "kernel-file" });
  private readonly initrdList = h("ul", { class: "files", id: "initrd-files" });
  private readonly own: HTMLElement;
  private readonly firmware: HTMLElement;
  private readonly firmwareList = h("ul", { class: "files", id: "firmware-file" });
  private readonly orderList = h("ol", { class: "files", id: "boot-order" });
  private readonly switches;

  constructor(
    private readonly draft: Draft,
    private readonly services: PageServices,
  ) {
    this.name = textField("machine-title", draft.name, { maxlength: 80 });
    this.memory = h("input", { type: "number", id: "memory", min: 1, max: 3072, step: 1, inputmode: "numeric", list: "memory-sizes" });
    this.memory.value = draft.memory;
    this.cpu = textField("cpu", draft.cpu);
    this.share.value = String(draft.share);
    this.switches = {
      menu: toggle("boot-menu", "Boot menu", "The firmware asks what to start from.", draft.menu),
      network: toggle("network", "Network card", "A network of the machine's own, with DHCP, DNS and ping.", draft.network),
      display: toggle("display", "Screen", "A VGA. Without it there is the terminal alone.", draft.display),
      deterministic: toggle("deterministic", "Deterministic", "Guest time follows retired instructions, so that every run is the same.", draft.deterministic),
      pauseHidden: toggle("pause-hidden", "Pause while the page is hidden", "Otherwise the machine goes on in the background.", draft.pauseHidden),
      reader: toggle("screen-reader", "Screen reader support", "Terminal output is announced. Costs some speed.", remembered("reader") === "on"),
    };
    this.switches.reader.input.addEventListener("change", () => {
      remember("reader", this.switches.reader.input.checked ? "on" : null);
      window.dispatchEvent(new Event("tabvisor-reader"));
    });
    this.cmdline.addEventListener("input", () => this.keepCmdline());
    // Enter submits: it is one line for the guest.
    this.cmdline.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      this.element.requestSubmit();
    });
    this.kernelInput.addEventListener("change", () => this.take(this.kernelInput, (files) => (draft.kernel = files[0])));
    this.initrdInput.addEventListener("change", () => this.take(this.initrdInput, (files) => draft.initrds.push(...files)));

    this.own = section("Own images",
      this.picker("Kernel", this.kernelInput, this.kernelList, "A bzImage, an ELF vmlinux (gzip is fine) or a 32-bit Multiboot ELF.", (image) => (draft.kernel = image)),
      this.picker("Initrds or modules", this.initrdInput, this.initrdList, "Several are loaded in this order.", (image) => draft.initrds.push(image)));
    this.own.id = "own-images";
    this.firmware = section("Firmware",
      h("div", { class: "field" }, h("span", { class: "label" }, "Image"), this.firmwareList),
      h("div", { class: "field" }, h("span", { class: "label" }, "Boot order"), this.orderList),
      this.switches.menu.element);
    this.cmdlineField = field("Command line", this.cmdline);

    const shareText = h("output", { for: "share" });
    const tellShare = (): void => {
      shareText.textContent = Number(this.share.value) >= 100 ? "no limit" : `${this.share.value} % of a core`;
    };
    this.share.addEventListener("input", tellShare);
    tellShare();
    const sizes = h("datalist", { id: "memory-sizes" }, ...MEMORY.map((mib) => h("option", { value: mib })));
    this.element.append(
      field("Name", this.name),
      section("Start from",
        segmented<BootMode>("source", [["default", "Default guest"], ["kernel", "Own kernel"], ["firmware", "Firmware"]], draft.mode, (mode) => {
          draft.mode = mode;
          this.fill();
        }),
        h("p", { class: "hint", id: "default-note" })),
      this.own,
      this.firmware,
      section("Machine", this.cmdlineField,
        h("div", { class: "row" }, field("RAM in MiB", this.memory), field("CPU", this.cpu)), sizes,
        h("p", { class: "hint" }, "CPU as in QEMU: ", h("code", {}, "NAME[,+flag][,-flag]"), "."),
        h("div", { class: "field share" }, h("label", { for: "share" }, "CPU share"), this.share, shareText),
        this.switches.network.element, this.switches.display.element, this.switches.deterministic.element, this.switches.pauseHidden.element),
      section("Terminal", this.switches.reader.element),
    );
    // Enter in a field submits only where a form has a submit button.
    this.element.append(h("button", { type: "submit", hidden: true }));
    this.fill();
  }

  read(): Draft {
    const { draft, switches } = this;
    this.keepCmdline();
    draft.name = this.name.value;
    draft.memory = this.memory.value;
    draft.cpu = this.cpu.value;
    draft.share = Number(this.share.value);
    draft.menu = switches.menu.input.checked;
    draft.network = switches.network.input.checked;
    draft.display = switches.display.input.checked;
    draft.deterministic = switches.deterministic.input.checked;
    draft.pauseHidden = switches.pauseHidden.input.checked;
    return draft;
  }

  mark(error: DraftError | null): void {
    const inputs = { name: this.name, memory: this.memory, cpu: this.cpu, kernel: this.kernelInput };
    for (const input of Object.values(inputs)) input.removeAttribute("aria-invalid");
    if (error === null) return;
    const input = inputs[error.field];
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", "settings-error");
    input.focus();
  }

  private keepCmdline(): void {
    if (this.draft.mode === "default") this.draft.cmdline.default = this.cmdline.value.trim() === "" ? null : this.cmdline.value;
    else if (this.draft.mode === "kernel") this.draft.cmdline.kernel = this.cmdline.value;
  }

  private fill(): void {
    const { draft } = this;
    this.own.hidden = draft.mode !== "kernel";
    this.firmware.hidden = draft.mode !== "firmware";
    this.cmdlineField.hidden = draft.mode === "firmware";
    this.cmdline.value = (draft.mode === "default" ? draft.cmdline.default : draft.cmdline.kernel) ?? "";
    this.cmdline.placeholder = draft.mode === "default" ? "What the guest brings" : "";
    const note = this.element.querySelector("#default-note");
    if (note !== null) {
      note.textContent = draft.mode === "default" ? "Debian's own kernel with a small userland, booted directly."
        : draft.mode === "firmware" ? "A BIOS looks for something to boot on the machine's drives; with none, it shows its monitor." : "";
    }
    this.list(this.kernelList, draft.kernel === null ? [] : [draft.kernel], () => (draft.kernel = null));
    this.list(this.initrdList, draft.initrds, (at) => draft.initrds.splice(at, 1));
    const { firmware } = draft;
    this.list(this.firmwareList, firmware === "own" ? [] : [firmware], () => (draft.firmware = "own"));
    if (firmware === "own") {
      this.firmwareList.append(h("li", {}, h("span", { class: "name" }, "Tabvisor's own BIOS"), button("Another…", () => void this.choose("Firmware image", (image) => (draft.firmware = image)))));
    }
    this.orderList.replaceChildren(...draft.order.map((device, at) => {
      const up = h("button", { type: "button", class: "tool", disabled: at === 0, "aria-label": `Try ${ORDER_NAMES[device]} earlier` }, "Earlier");
      up.addEventListener("click", () => {
        draft.order.splice(at - 1, 0, ...draft.order.splice(at, 1));
        this.fill();
        this.orderList.querySelectorAll("button")[at - 1]?.focus();
      });
      return h("li", {}, h("span", { class: "name" }, `${at + 1}. ${ORDER_NAMES[device]}`), up);
    }));
  }

  private picker(label: string, input: HTMLInputElement, list: HTMLElement, hint: string, use: (image: ImageChoice) => void): HTMLElement {
    return h("div", { class: "field" }, h("label", { for: input.id }, label),
      h("div", { class: "picker" }, h("div", { class: "pick" }, input, button("Kept file or address…", () => void this.choose(label, use))), list),
      h("p", { class: "hint" }, hint));
  }

  private async choose(title: string, use: (image: ImageChoice) => void): Promise<void> {
    const source = await chooseSource(title, this.services);
    if (source === null) return;
    use(source);
    this.fill();
  }

  private take(input: HTMLInputElement, use: (files: File[]) => void): void {
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length > 0) use(files);
    this.fill();
  }

  private list(list: HTMLElement, images: readonly ImageChoice[], remove: (at: number) => void): void {
    list.replaceChildren(...images.map((image, at) => {
      const name = image instanceof File ? image.name : sourceName(image);
      const element = h("button", { type: "button", class: "tool icon-only", "aria-label": `Remove ${name}`, title: "Remove" }, icon("close"));
      element.addEventListener("click", () => {
        remove(at);
        this.fill();
      });
      return h("li", {}, h("span", { class: "name", title: name }, name), h("span", { class: "bytes" }, image instanceof File ? formatBytes(image.size) : ""), element);
    }));
  }
}
