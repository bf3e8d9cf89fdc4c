/** What can be done with a machine as a whole: the menu in the list. */
import "./styles/dialogs.css";
import { openMenu } from "./menu.ts";
import type { PageServices } from "../services.ts";
import { ask, askText } from "./sheet.ts";

/** Gives the user a file. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has begun by then, in every browser.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const fileName = (name: string): string => name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^-+|-+$/g, "") || "machine";

export function openMachineMenu(id: string, at: HTMLElement, services: PageServices): void {
  const { manager, tasks, fail, choose } = services;
  const machine = manager.get(id);
  if (machine === null) return;
  const { name, state } = machine;
  const attempt = (work: () => Promise<unknown>) => (): void => void work().catch(fail);
  manager.foresee();
  const alive = state === "running" || state === "paused";
  openMenu(at, [
    { label: "Rename…", run: attempt(async () => {
      const answer = await askText({ title: "Rename the machine", label: "Name", value: name, yes: "Rename" });
      if (answer !== null) await manager.rename(id, answer.text);
    }) },
    { label: "Fork: a twin that runs on", disabled: !alive, run: attempt(async () => choose(await tasks.run(`Forking ${name}`, () => manager.fork(id)))) },
    { label: "Clone: a new one like it", run: attempt(async () => {
      const copy = structuredClone(machine.definition) as typeof machine.definition;
      choose(await tasks.run(`Cloning ${name}`, () => manager.create({ ...copy, name: `${name} copy` })));
    }) },
    { label: "Save and switch off", disabled: !alive, run: attempt(() => tasks.run(`Saving ${name}`, (report) => manager.save(id, report))) },
    "line",
    { label: "Export as a file…", run: attempt(async () => {
      const file = await tasks.run(`Packing ${name}`, (report) => manager.exportMachine(id, report));
      download(file, `${fileName(name)}.tabvisor`);
    }) },
    { label: "Definition as YAML…", run: attempt(async () => download(new Blob([await manager.describe(id)], { type: "application/yaml" }), `${fileName(name)}.yaml`)) },
    "line",
    { label: "Delete…", danger: true, run: attempt(async () => {
      if (!(await ask({ title: `Delete “${name}”?`, text: "Its disks, shared folders and snapshots go with it.", yes: "Delete", danger: true }))) return;
      await tasks.run(`Deleting ${name}`, () => manager.remove(id));
    }) },
  ], `Machine ${name}`);
}
