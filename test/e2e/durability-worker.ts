/** Browser test of durability: a machine whose disk is an overlay in the real OPFS; it is killed from outside. */
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import { provideInterpreter, type StoredInfo } from "../../src/vmm/interpreter.ts";
import { Runner } from "../../src/vmm/runner.ts";
import { openOpfs } from "../../src/vmm/storage/opfs-store.ts";
import { Overlay } from "../../src/vmm/storage/overlay.ts";

export interface DurabilityTask {
  readonly file: string;
  readonly sectors: number;
  readonly memoryMib: number;
  readonly cmdline: string;
}

export type DurabilityMessage = { readonly serial: string } | { readonly stopped: string } | { readonly error: string };

const bytes = async (name: string): Promise<Uint8Array> => new Uint8Array(await (await fetch(name)).arrayBuffer());

async function run(task: DurabilityTask): Promise<void> {
  const say = (message: DurabilityMessage): void => postMessage(message);
  const overlay = Overlay.open(await openOpfs(task.file), { base: null, baseId: "blank", sectors: task.sectors });
  const [kernel, initrd, module, info] = await Promise.all([
    bytes("vmlinux"), bytes("initrd"), WebAssembly.compileStreaming(fetch("interpreter.wasm")), fetch("interpreter.json").then((r) => r.json() as Promise<StoredInfo>),
  ]);
  provideInterpreter(module, info);
  const text = new TextDecoder("latin1");
  const runner = new Runner({
    memoryMib: task.memoryMib, cpu: "x86-64-v2", vga: "none", deterministic: false, debugExit: null, epochSeconds: 1_700_000_000, noReboot: true,
    boot: { kernel, initrds: [initrd], cmdline: task.cmdline },
  }, {
    serial: (out) => say({ serial: text.decode(out) }),
    stopped: (report) => {
      overlay.close();
      say({ stopped: report.message });
    },
  }, { devices: { disks: [{ backend: overlay }], shares: [], nics: [], rng: null, balloon: null } });
  runner.resume();
}

addEventListener("message", (event: MessageEvent<DurabilityTask>) => {
  run(event.data).catch((e: unknown) => postMessage({ error: e instanceof Error ? e.message : String(e) } satisfies DurabilityMessage));
});
