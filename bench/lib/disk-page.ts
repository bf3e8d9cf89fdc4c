/** Runs inside a page: a machine out of a definition in the page's worker, timed by the marks that its guest prints. */
import type { MachineSpec, StopReport } from "../../src/vmm/api.ts";
import type {} from "./machine-worker.ts";

export interface DiskJob {
  readonly workerUrl: string;
  readonly kernelUrl: string;
  readonly initrdUrl: string;
  readonly cmdline: string;
  readonly definition: MachineSpec["definition"];
  readonly drives: MachineSpec["drives"];
  readonly parts: readonly string[];
  /** For a shared folder: what is put into it before the start. `bytes` is Base64. */
  readonly files: readonly { readonly path: string; readonly bytes: string }[];
  readonly folders: readonly string[];
  readonly tag: string | null;
}

/** Seconds of each part, and what it printed. */
export type PartTimes = readonly { readonly part: string; readonly seconds: number; readonly printed: string }[];

/** Sent to the browser as text: it uses nothing from outside of itself. */
export async function runDiskJob(job: DiskJob): Promise<PartTimes> {
  const comlink = window.Comlink;
  const machine = window.__benchMachine?.(job.workerUrl);
  if (comlink === undefined || machine === undefined) throw new Error("a script is missing");
  const { worker, api } = machine;
  try {
    const image = (name: string, url: string) => ({ name, from: { url: new URL(url, location.href).href }, unzip: false, size: null });
    await api.load({ kernel: image("kernel", job.kernelUrl), initrds: [image("initrd", job.initrdUrl)] }, comlink.proxy(() => undefined));
    const folders = job.tag === null ? {} : { [job.tag]: null };
    const spec: MachineSpec = { definition: job.definition, firmware: null, cmdline: job.cmdline, drives: job.drives, folders, epochSeconds: Math.floor(Date.now() / 1000) };
    await api.prepare(spec, comlink.proxy(() => undefined));
    if (job.tag !== null) {
      for (const path of job.folders) await api.folder(job.tag, { kind: "makeFolder", path });
      for (const { path, bytes } of job.files) await api.folder(job.tag, { kind: "write", path, position: 0, bytes: Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)) });
    }
    return await new Promise((resolve, reject) => {
      const decoder = new TextDecoder("latin1");
      const done: { part: string; seconds: number; printed: string }[] = [];
      let output = "";
      /** Of the part that runs: when and where it began. */
      let began: { ms: number; at: number } | null = null;
      const read = (): void => {
        for (;;) {
          const part = job.parts[done.length];
          if (part === undefined) {
            if (output.includes("BENCH OVER")) resolve(done);
            return;
          }
          if (began === null) {
            const at = output.indexOf(`BEGIN ${part}`);
            if (at < 0) return;
            began = { ms: performance.now(), at };
          }
          const end = output.indexOf("END ok", began.at);
          if (end < 0) {
            if (output.includes("END failed", began.at)) reject(new Error(output.slice(-300)));
            return;
          }
          done.push({ part, seconds: (performance.now() - began.ms) / 1000, printed: output.slice(began.at, end).split("\n").slice(1).join("\n").trim() });
          began = null;
        }
      };
      const events = {
        serial: (bytes: Uint8Array): void => {
          output += decoder.decode(bytes);
          read();
        },
        status: (): void => undefined,
        input: (): void => undefined,
        folder: (): void => undefined,
        restarted: (): void => undefined,
        stopped: ({ message }: StopReport): void => reject(new Error(`the machine ended: ${message}: ${output.slice(-300)}`)),
      };
      worker.addEventListener("error", (event) => reject(new Error(`the worker failed: ${event.message}`)));
      api.powerOn("prepared", comlink.proxy(events)).catch(reject);
    });
  } finally {
    machine.terminate();
  }
}
