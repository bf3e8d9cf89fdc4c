/** Runs inside a page: a machine in the page's worker, talked to over its serial line, with the times taken there. */
import type { MachineApi, MachineConfig, MachineStats, StopReport } from "../../src/vmm/api.ts";
import type { Conversation, Job, Outcome } from "./conversation.ts";
import type {} from "./machine-worker.ts";

export interface TalkBoot {
  readonly workerUrl: string;
  readonly kernelUrl: string;
  readonly initrdUrl: string;
  readonly cmdline: string;
  /** All but the images, and further fields as the machine knows them. */
  readonly config: Omit<MachineConfig, "boot"> & Readonly<Record<string, unknown>>;
}

export interface TalkReport {
  /** Null where the machine keeps none. */
  readonly stats: MachineStats | null;
  /** Milliseconds that the worker took to answer, of every question since the machine was there. */
  readonly answersMs: readonly number[];
}

/** A machine of some kind in a page; `Boot` is what that kind needs to start. */
export interface Talk<Boot = never> {
  /** Milliseconds from power-on until the guest took commands. */
  start(boot: Boot): Promise<number>;
  run(job: Job): Promise<Outcome>;
  report(): Promise<TalkReport>;
}

declare global {
  interface Window {
    __benchConversation?: (send: (text: string) => void, now: () => number) => Conversation;
    __benchTalk?: Talk;
  }
}

/** Sent to the browser as text: it uses nothing from outside of itself. */
export function installTalk(): void {
  /** Between an answer of the worker and the next question. */
  const ASK_MS = 4;
  let answersMs: number[] = [];
  let api: MachineApi | null = null;
  let talk: Conversation | null = null;

  const fetchBytes = async (url: string): Promise<Uint8Array> => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const running = (): { readonly api: MachineApi; readonly talk: Conversation } => {
    if (api === null || talk === null) throw new Error("no machine was started");
    return { api, talk };
  };

  /** A question waits until the worker turns to its messages: how long it takes is what a user's key press would wait. */
  const askOnAndOn = async (machine: MachineApi): Promise<void> => {
    for (;;) {
      const from = performance.now();
      // Of a machine that runs this does nothing.
      await machine.resume();
      answersMs.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  };

  const own: Talk<TalkBoot> = {
    async start({ workerUrl, kernelUrl, initrdUrl, cmdline, config }) {
      const comlink = window.Comlink;
      const converse = window.__benchConversation;
      const made = window.__benchMachine?.(workerUrl);
      if (comlink === undefined || converse === undefined || made === undefined) throw new Error("a script is missing");
      const [kernel, initrd] = await Promise.all([fetchBytes(kernelUrl), fetchBytes(initrdUrl)]);
      const { worker, api: machine } = made;
      const conversation = converse(
        (text) => {
          machine.serialInput(new TextEncoder().encode(text)).catch((error: unknown) => conversation.end(String(error)));
        },
        () => performance.now(),
      );
      worker.addEventListener("error", (event) => conversation.end(`the worker failed: ${event.message}`));
      const decoder = new TextDecoder("latin1");
      const events = {
        serial: (bytes: Uint8Array): void => conversation.feed(decoder.decode(bytes)),
        status: (): void => undefined,
        input: (): void => undefined,
        folder: (): void => undefined,
        restarted: (): void => undefined,
        stopped: ({ message }: StopReport): void => conversation.end(`the machine ended: ${message}`),
      };
      const whole = { ...config, boot: { kernel, initrds: [initrd], cmdline } };
      const from = performance.now();
      machine
        .powerOn(comlink.transfer(whole, [kernel.buffer, initrd.buffer]), comlink.proxy(events))
        .then(() => {
          answersMs = [];
          return askOnAndOn(machine as unknown as MachineApi);
        })
        .catch((error: unknown) => conversation.end(String(error)));
      const at = await conversation.ready();
      // Only now: a proxy must not be the result of an async function, nor be probed for being a promise.
      api = machine as unknown as MachineApi;
      talk = conversation;
      return at - from;
    },
    run: (job) => running().talk.run(job),
    report: async () => ({ stats: await running().api.stats(), answersMs }),
  };
  window.__benchTalk = own;
}
