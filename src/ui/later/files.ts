/** A shared folder: files dropped in, listed, given out again. */
import "./styles/panels.css";
import "./styles/dialogs.css";
import type { FolderEntry, SharedFolder } from "../../vmm/api.ts";
import { button, h, icon } from "../dom.ts";
import { formatAgo, formatBytes } from "../format.ts";
import type { PageServices, PanelContent } from "../services.ts";
import { rated } from "../views/tasks.ts";
import { download } from "./machine-menu.ts";
import { input as inputOf } from "./settings/draft.ts";
import { ask, askText } from "./sheet.ts";

/** Reads what a dropped folder holds, with paths below it. */
async function walk(entry: FileSystemEntry, path: string, found: { path: string; file: File }[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ path: path + file.name, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader gives some at a time, at last none.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, `${path}${entry.name}/`, found);
  }
}

async function droppedFiles(data: DataTransfer): Promise<readonly { readonly path: string; readonly file: File }[]> {
  // Entries must be asked for before the event ends.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry());
  const files = [...data.files];
  if (entries.some((e) => e === null) || entries.length === 0) return files.map((file) => ({ path: file.name, file }));
  const found: { path: string; file: File }[] = [];
  for (const entry of entries) if (entry !== null) await walk(entry, "", found);
  return found;
}

export function openFiles(host: HTMLElement, id: string, services: PageServices): PanelContent {
  const panel = new FilesPanel(host, id, services);
  return { close: () => panel.close() };
}

class FilesPanel {
  private tag: string | null = null;
  private path = "";
  private readonly crumbs = h("nav", { class: "crumbs", "aria-label": "Folder" });
  private readonly list = h("ul", { class: "entries" });
  private readonly top = h("div", { class: "panel-actions" });
  private readonly zone = h("div", { class: "files-zone" });
  private readonly hint = h("p", { class: "note mount" });
  private readonly unsubscribe: () => void;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private tags = "";
  private turn = 0;

  constructor(
    host: HTMLElement,
    private readonly id: string,
    private readonly services: PageServices,
  ) {
    this.zone.append(this.crumbs, this.list);
    host.append(this.top, this.zone, this.hint);
    this.listenToDrop(host);
    this.unsubscribe = services.manager.subscribe((event) => {
      if (event.kind === "folder" && event.id === id && event.tag === this.tag) {
        // A guest that writes much tells of it often.
        this.timer ??= setTimeout(() => {
          this.timer = null;
          void this.load();
        }, 300);
      } else if (event.kind === "machine" && event.id === id && this.tagsOf() !== this.tags) this.begin();
    });
    this.begin();
  }

  close(): void {
    this.turn++;
    if (this.timer !== null) clearTimeout(this.timer);
    this.unsubscribe();
  }

  private tagsOf(): string {
    return (this.services.manager.get(this.id)?.definition.sharedFolders ?? []).map((f) => f.tag).join("\n");
  }

  private begin(): void {
    this.tags = this.tagsOf();
    const folders = this.services.manager.get(this.id)?.definition.sharedFolders ?? [];
    this.tag = folders.find((f) => f.tag === this.tag)?.tag ?? folders.at(0)?.tag ?? null;
    const upload = h("input", { type: "file", id: "files-input", multiple: true, class: "visually-hidden", tabindex: -1 });
    upload.addEventListener("change", () => {
      const files = [...(upload.files ?? [])].map((file) => ({ path: file.name, file }));
      upload.value = "";
      void this.put(files);
    });
    const none = this.tag === null;
    this.zone.hidden = none;
    if (none) {
      this.top.replaceChildren(button("Add a shared folder", () => void this.attempt(() => this.addFolder()), { primary: true, id: "add-folder" }));
      this.hint.textContent = "A folder that you and the guest see: drop files in, and take out what the guest leaves there.";
      return;
    }
    const choice = h("select", { id: "folder-tag", "aria-label": "Shared folder" }, ...folders.map((f) => h("option", { value: f.tag, selected: f.tag === this.tag }, f.tag)));
    choice.addEventListener("change", () => {
      this.tag = choice.value;
      this.path = "";
      this.begin();
    });
    this.top.replaceChildren(
      upload,
      button("Put files in…", () => upload.click(), { primary: true, id: "files-put" }),
      button("New folder…", () => void this.attempt(() => this.makeFolder()), { id: "files-folder" }),
      ...(folders.length > 1 ? [choice] : []));
    this.hint.replaceChildren("In the guest: ", h("code", {}, `mount -t virtiofs ${this.tag ?? ""} /mnt`), " or ", h("code", {}, `mount -t 9p -o trans=virtio ${this.tag ?? ""} /mnt`));
    void this.load();
  }

  private get folder(): SharedFolder {
    return this.services.manager.folder(this.id, this.tag ?? "");
  }

  private async load(): Promise<void> {
    const turn = ++this.turn;
    try {
      const entries = await this.folder.list(this.path);
      if (turn !== this.turn) return;
      const sorted = [...entries].sort((a, b) => Number(b.kind === "folder") - Number(a.kind === "folder") || a.path.localeCompare(b.path));
      this.drawCrumbs();
      this.list.replaceChildren(...(sorted.length === 0 ? [h("li", { class: "empty" }, "Empty. Drop files here.")] : sorted.map((e) => this.entry(e))));
    } catch (error) {
      if (turn !== this.turn) return;
      if (this.path !== "") {
        // The guest may have removed it.
        this.path = "";
        void this.load();
      } else this.services.fail(error);
    }
  }

  private drawCrumbs(): void {
    const parts = this.path === "" ? [] : this.path.split("/");
    const crumb = (label: string, path: string, last: boolean): HTMLElement => {
      const element = h("button", { type: "button", ...(last ? { "aria-current": "true" } : {}) }, label);
      element.addEventListener("click", () => this.go(path));
      return element;
    };
    this.crumbs.replaceChildren(crumb(this.tag ?? "", "", parts.length === 0), ...parts.map((part, i) => crumb(part, parts.slice(0, i + 1).join("/"), i === parts.length - 1)));
  }

  private go(path: string): void {
    this.path = path;
    void this.load();
  }

  private entry(entry: FolderEntry): HTMLElement {
    const name = entry.path.split("/").at(-1) ?? entry.path;
    const open = h("button", { type: "button", class: "entry-open", title: entry.kind === "folder" ? `Open ${name}` : `Download ${name}` }, icon(entry.kind === "folder" ? "folder" : "file"),
      h("span", { class: "name" }, name),
      h("span", { class: "bytes" }, entry.kind === "folder" ? "" : `${formatBytes(entry.bytes)}, ${formatAgo(entry.modifiedMs, Date.now())}`));
    open.addEventListener("click", () => {
      if (entry.kind === "folder") this.go(entry.path);
      else void this.attempt(async () => download(await this.services.tasks.run(`Reading ${name}`, () => this.folder.read(entry.path)), name));
    });
    if (entry.kind !== "folder") {
      // Chromium gives a file to where it is dropped outside of the page, if its address is known when the drag begins.
      open.draggable = true;
      let url: string | null = null;
      const prepare = (): void => {
        if (url !== null || entry.bytes > 1 << 28) return;
        url = "";
        this.folder.read(entry.path).then((blob) => (url = URL.createObjectURL(blob)), () => undefined);
      };
      open.addEventListener("pointerdown", prepare);
      open.addEventListener("dragstart", (event) => {
        if (url === null || url === "") event.preventDefault();
        else event.dataTransfer?.setData("DownloadURL", `application/octet-stream:${name}:${url}`);
      });
      open.addEventListener("dragend", () => {
        if (url !== null && url !== "") setTimeout(URL.revokeObjectURL, 60_000, url);
        url = null;
      });
    }
    const remove = h("button", { type: "button", class: "tool icon-only", "aria-label": `Delete ${name}`, title: "Delete" }, icon("close"));
    remove.addEventListener("click", () => void this.attempt(async () => {
      if (!(await ask({ title: `Delete ${name}?`, text: entry.kind === "folder" ? "Everything in it goes with it." : "The guest does not see it any more.", yes: "Delete", danger: true }))) return;
      await this.folder.remove(entry.path);
      await this.load();
    }));
    return h("li", { class: "entry", "data-path": entry.path }, open, remove);
  }

  private listenToDrop(host: HTMLElement): void {
    const over = (on: boolean): void => {
      this.zone.dataset["over"] = String(on);
    };
    host.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files") !== true || this.tag === null) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      over(true);
    });
    host.addEventListener("dragleave", (event) => {
      if (!(event.relatedTarget instanceof Node) || !host.contains(event.relatedTarget)) over(false);
    });
    host.addEventListener("drop", (event) => {
      over(false);
      if (event.dataTransfer?.types.includes("Files") !== true || this.tag === null) return;
      event.preventDefault();
      void this.attempt(droppedFiles(event.dataTransfer).then((files) => this.put(files)));
    });
  }

  private async put(files: readonly { readonly path: string; readonly file: File }[]): Promise<void> {
    await this.attempt(async () => {
      const folder = this.folder;
      const prefix = this.path === "" ? "" : `${this.path}/`;
      const total = files.reduce((n, { file }) => n + file.size, 0);
      await this.services.tasks.run(files.length === 1 ? `Putting ${files[0].file.name} in` : `Putting ${files.length} files in`, async (report) => {
        const tell = rated(total, report);
        let before = 0;
        for (const { path, file } of files) {
          await folder.write(prefix + path, file, ({ received }) => tell(before + received));
          before += file.size;
          tell(before);
        }
      });
      this.services.announce(files.length === 1 ? `${files[0].file.name} is in the folder` : `${files.length} files are in the folder`);
    });
    await this.load();
  }

  private async makeFolder(): Promise<void> {
    const answer = await askText({ title: "New folder", label: "Name", value: "", yes: "Make it" });
    if (answer === null) return;
    await this.folder.makeFolder(this.path === "" ? answer.text : `${this.path}/${answer.text}`);
    await this.load();
  }

  private async addFolder(): Promise<void> {
    const { manager } = this.services;
    const machine = manager.get(this.id);
    if (machine === null) return;
    await manager.update(this.id, { ...inputOf(machine.definition), sharedFolders: [{ tag: "share" }] });
    if (machine.state === "running" || machine.state === "paused") this.services.announce("The guest sees it when the machine starts again");
    this.begin();
  }

  private async attempt(work: (() => Promise<unknown>) | Promise<unknown>): Promise<void> {
    try {
      await (typeof work === "function" ? work() : work);
    } catch (error) {
      this.services.fail(error);
    }
  }
}
