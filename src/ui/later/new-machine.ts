/** A new machine: from a template, a file of the user's, or a saved machine. And what dropped files mean. */
import type { MachineInput } from "../../vmm/api.ts";
import { button, h, icon } from "../dom.ts";
import type { PageServices } from "../services.ts";
import { Sheet } from "./sheet.ts";
import { classifyImage, HEAD_BYTES, type ImageKind, keepFile } from "./sources.ts";
import { ask } from "./sheet.ts";

interface Template {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly icon: string;
  /** What the user chooses first; null: nothing. */
  readonly file: { readonly multiple: boolean } | null;
  make(files: readonly File[], services: PageServices): Promise<MachineInput>;
}

const stem = (name: string): string => name.replace(/\.[^.]*$/, "").slice(0, 80) || "Machine";

async function kinds(files: readonly File[]): Promise<readonly { readonly file: File; readonly kind: ImageKind }[]> {
  return Promise.all(files.map(async (file) => ({ file, kind: classifyImage(file.name, new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer())) })));
}

/** A machine that starts from these files, whatever they are. */
async function fromFiles(files: readonly File[], services: PageServices): Promise<MachineInput> {
  const found = await kinds(files);
  const of = (kind: ImageKind): readonly File[] => found.filter((f) => f.kind === kind).map((f) => f.file);
  const kernel = of("kernel").at(-1);
  const initrds = of("initrd");
  const [disks, cdroms] = [of("disk"), of("cdrom")];
  const name = stem((kernel ?? cdroms[0] ?? disks[0] ?? files[0]).name);
  const keep = async (list: readonly File[]): Promise<Awaited<ReturnType<typeof keepFile>>[]> => {
    const kept = [];
    for (const file of list) kept.push(await keepFile(file, services));
    return kept;
  };
  const devices: MachineInput = {
    disks: (await keep(disks)).map((image) => ({ image, bus: kernel === undefined ? "ide" as const : "virtio" as const })),
    cdroms: (await keep(cdroms)).map((image) => ({ image })),
  };
  if (kernel === undefined && initrds.length > 0 && disks.length + cdroms.length === 0) {
    return { name, boot: { kernel: { guest: "default" }, initrds: await keep(initrds) } };
  }
  if (kernel === undefined) return { name, boot: { firmware: "own", order: cdroms.length > 0 ? ["cdrom", "disk", "floppy"] : ["disk", "cdrom", "floppy"] }, ...devices };
  const [source] = await keep([kernel]);
  return {
    name,
    boot: { kernel: source, initrds: await keep(initrds), cmdline: disks.length > 0 ? "console=ttyS0 root=/dev/vda rw" : "console=ttyS0" },
    // Test kernels end through it.
    devices: { debugExit: { iobase: 0xf4, iosize: 4 } },
    ...devices,
  };
}

const TEMPLATES: readonly Template[] = [
  {
    id: "default", title: "Default guest", icon: "terminal", file: null,
    about: "Debian's kernel with BusyBox. Boots in seconds, keeps nothing on a disk.",
    make: async () => ({ name: "Linux", boot: { kernel: { guest: "default" } } }),
  },
  {
    id: "debian", title: "Debian disk", icon: "disk", file: null,
    about: "Bash, coreutils, Python and Perl on a disk that keeps what you write. Made by npm run image -- debian.",
    make: async () => ({
      name: "Debian", memory: 512, boot: { kernel: { guest: "debian" } },
      disks: [{ image: { guest: "debian" }, bus: "virtio" }], network: true, sharedFolders: [{ tag: "share" }],
    }),
  },
  {
    id: "monitor", title: "Firmware monitor", icon: "inspect", file: null,
    about: "Nothing to download: the BIOS's own monitor, with demonstrations of what a machine does.",
    make: async () => ({ name: "Monitor", memory: 64, boot: { firmware: "own" } }),
  },
  {
    id: "kernel", title: "Own kernel…", icon: "file", file: { multiple: true },
    about: "A Linux, ELF or Multiboot kernel, with its initrds.",
    make: fromFiles,
  },
  {
    id: "disk", title: "Own disk or ISO…", icon: "disk", file: { multiple: true },
    about: "A raw or qcow2 disk, a CD image, a floppy. The image stays as it is; what the guest writes is kept beside it.",
    make: fromFiles,
  },
  {
    id: "blank", title: "Empty disk and ISO…", icon: "plus", file: { multiple: false },
    about: "An installer's CD in the drive, and a new disk of 4 GB to install to.",
    make: async (files, services) => ({
      name: stem(files[0].name), memory: 512, boot: { firmware: "own", order: ["cdrom", "disk", "floppy"] },
      disks: [{ image: { blank: "4G" }, bus: "ide" }], cdroms: [{ image: await keepFile(files[0], services) }], network: true,
    }),
  },
];

/** Makes it, shows it, starts it. */
async function create(input: MachineInput, { manager, choose }: PageServices): Promise<void> {
  const names = new Set(manager.list().map((m) => m.name));
  const wanted = input.name ?? "Machine";
  let name = wanted;
  for (let n = 2; names.has(name); n++) name = `${wanted} ${n}`;
  const id = await manager.create({ ...input, name });
  choose(id);
  await manager.start(id);
}

async function importFile(file: File, { manager, tasks, choose }: PageServices): Promise<void> {
  choose(await tasks.run(`Reading ${file.name}`, (report) => manager.importMachine(file, report)));
}

async function fromDefinition(file: File, services: PageServices): Promise<void> {
  if (file.size > 1 << 20) throw new Error(`${file.name} is too large for a definition.`);
  await create(await services.manager.parse(await file.text(), file.name) as unknown as MachineInput, services);
}

function chooseFiles(multiple: boolean, accept = ""): Promise<readonly File[]> {
  return new Promise((resolve) => {
    const input = h("input", { type: "file", id: "new-machine-file", class: "visually-hidden", multiple, accept });
    document.querySelector("dialog[open]")?.append(input);
    const done = (files: readonly File[]): void => {
      input.remove();
      resolve(files);
    };
    input.addEventListener("change", () => done([...(input.files ?? [])]));
    input.addEventListener("cancel", () => done([]));
    input.click();
  });
}

export function openNewMachine(services: PageServices): void {
  const sheet = new Sheet({ id: "new-machine-sheet", title: "New machine" });
  const list = h("div", { class: "templates" });
  for (const template of TEMPLATES) {
    const card = h("button", { type: "button", class: "template", "data-template": template.id }, icon(template.icon), h("strong", {}, template.title), h("span", {}, template.about));
    card.addEventListener("click", () => {
      void (async () => {
        const files = template.file === null ? [] : await chooseFiles(template.file.multiple);
        if (template.file !== null && files.length === 0) return;
        sheet.close();
        await create(await template.make(files, services), services);
      })().catch(services.fail);
    });
    list.append(card);
  }
  const other = (label: string, id: string, accept: string, use: (file: File) => Promise<void>): HTMLButtonElement => button(label, () => {
    void chooseFiles(false, accept).then(async (files) => {
      if (files.length === 0) return;
      sheet.close();
      await use(files[0]);
    }).catch(services.fail);
  }, { id });
  sheet.body.append(list);
  sheet.actions(
    other("From a definition…", "from-definition", ".yaml,.yml,.json", (file) => fromDefinition(file, services)),
    other("From a saved machine…", "import-machine", ".tabvisor", (file) => importFile(file, services)),
  );
  sheet.open();
}

/** Files dropped on the page, or opened with it: what they mean depends on what they are. */
export async function takeFiles(files: readonly File[], machine: string | null, services: PageServices): Promise<void> {
  const found = await kinds(files);
  for (const { file } of found.filter((f) => f.kind === "machine")) await importFile(file, services);
  for (const { file } of found.filter((f) => f.kind === "definition")) await fromDefinition(file, services);
  const images = found.filter((f) => f.kind !== "machine" && f.kind !== "definition");
  if (images.length === 0) return;
  const { manager } = services;
  const here = machine === null ? null : manager.get(machine);
  const cdrom = images.length === 1 && images[0].kind === "cdrom" && here !== null && here.state === "running" && here.definition.cdroms.length > 0;
  if (cdrom && (await ask({ title: images[0].file.name, text: `Put the CD into the drive of ${here.name}? Otherwise you can make a new machine from it.`, yes: "Into the drive" }))) {
    await manager.insert(here.id, "cdrom0", await keepFile(images[0].file, services));
    return;
  }
  const names = images.map((i) => i.file.name).join(", ");
  if (await ask({ title: "A new machine?", text: `Make a machine that starts from ${names}?`, yes: "Make it" })) await create(await fromFiles(images.map((i) => i.file), services), services);
}
