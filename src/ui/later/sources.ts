/** Where images come from: a file of the user's, one that the page keeps already, an address. Told apart by what is in them. */
import type { FileSource } from "../../vmm/api.ts";
import { button, h, messageOf } from "../dom.ts";
import { formatBytes } from "../format.ts";
import type { PageServices } from "../services.ts";
import { textField } from "./fields.ts";
import { Sheet } from "./sheet.ts";

export function sourceName(source: FileSource): string {
  if ("file" in source) return source.file;
  if ("url" in source) return source.url.split(/[?#]/, 1)[0].split("/").at(-1) || source.url;
  return source.guest === "debian" ? "Debian disk" : "Default guest";
}

/** Keeps a file of the user's, with progress. */
export async function keepFile(file: File, { manager, tasks }: PageServices): Promise<FileSource> {
  const kept = await tasks.run(`Storing ${file.name}`, (report) => manager.addFile(file, report));
  return { file: kept.name };
}

/** Asks for one image. Null: the user turned away. */
export function chooseSource(title: string, services: PageServices): Promise<FileSource | null> {
  return new Promise((resolve) => {
    let answer: FileSource | null = null;
    const sheet = new Sheet({ id: "choose-source", title, onClose: () => resolve(answer) });
    const error = h("p", { class: "form-error", role: "alert", hidden: true });
    const fail = (e: unknown): void => {
      error.hidden = false;
      error.textContent = messageOf(e);
    };
    const take = (source: FileSource): void => {
      answer = source;
      sheet.close();
    };

    const input = h("input", { type: "file", id: "source-file" });
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file !== undefined) keepFile(file, services).then(take, fail);
    });
    const url = textField("source-url", "", { inputmode: "url", placeholder: "https://…" });
    const useUrl = (): void => {
      const text = url.value.trim();
      try {
        take({ url: new URL(text, document.baseURI).href });
      } catch {
        fail(`'${text}' is no address.`);
      }
    };
    const form = h("form", { class: "inline" }, url, button("Use", useUrl, { id: "source-url-use" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      useUrl();
    });
    const kept = h("ul", { class: "files", id: "kept-files" });
    const keptBox = h("fieldset", { hidden: true }, h("legend", {}, "Kept by this page"), kept);
    services.manager.files().then((files) => {
      keptBox.hidden = files.length === 0;
      kept.replaceChildren(...files.map((f) => h("li", {}, h("span", { class: "name" }, f.name), h("span", { class: "bytes" }, formatBytes(f.bytes)), button("Use", () => take({ file: f.name })))));
    }, fail);
    sheet.body.append(
      h("fieldset", {}, h("legend", {}, "From this computer"), h("div", { class: "picker" }, h("div", { class: "pick" }, input, h("span", {}, "is copied into this browser's storage")))),
      keptBox,
      h("fieldset", {}, h("legend", {}, "From an address"), h("label", { for: "source-url", class: "visually-hidden" }, "Address"), form,
        h("p", { class: "hint" }, "Only what the guest touches is fetched, where the server answers range requests and allows this page to ask.")),
      error,
    );
    sheet.open();
  });
}

export type ImageKind = "kernel" | "initrd" | "disk" | "cdrom" | "machine" | "definition";

const ascii = (head: Uint8Array, at: number, length: number): string => String.fromCharCode(...head.subarray(at, at + length));
/** Enough of a file to tell it: an ISO says so at 32 KiB. */
export const HEAD_BYTES = 0x8010;

/** Tells a file by its head, and by its name where content does not decide. */
export function classifyImage(name: string, head: Uint8Array): ImageKind {
  const lower = name.toLowerCase();
  if (ascii(head, 0, 4) === "\x7fELF" || ascii(head, 0x202, 4) === "HdrS") return "kernel";
  if (/^0707(0[127])/.test(ascii(head, 0, 6))) return "initrd";
  if (ascii(head, 0x8001, 5) === "CD001") return "cdrom";
  if (ascii(head, 0, 4) === "QFI\xfb") return "disk";
  if (lower.endsWith(".tabvisor")) return "machine";
  if (/\.(ya?ml|json)$/.test(lower)) return "definition";
  if (/init(rd|ramfs)|\.cpio|ramdisk/.test(lower)) return "initrd";
  if (/vmlinu|bzimage|kernel|\.elf$|xen/.test(lower)) return "kernel";
  // A boot sector, or an ext file system's magic at 1 KiB + 56.
  if ((head[510] === 0x55 && head[511] === 0xaa) || (head[0x438] === 0x53 && head[0x439] === 0xef)) return "disk";
  if (lower.endsWith(".iso")) return "cdrom";
  return /\.(img|raw|qcow2|ext4|vfd|ima)$/.test(lower) ? "disk" : "kernel";
}
