/** Runs inside a page: v86 as a machine to talk to, on the page's own thread, as v86 is used. */
import type { V86 } from "v86";
import type { Conversation } from "./conversation.ts";
import type { Talk } from "./talk.ts";

export interface V86Boot {
  readonly moduleUrl: string;
  readonly wasmUrl: string;
  readonly biosUrl: string;
  readonly vgaBiosUrl: string;
  readonly kernelUrl: string;
  readonly initrdUrl: string;
  readonly cmdline: string;
  readonly memoryMib: number;
}

/** Sent to the browser as text: it uses nothing from outside of itself. */
export function installV86Talk(): void {
  let talk: Conversation | null = null;
  const own: Talk<V86Boot> = {
    async start({ moduleUrl, wasmUrl, biosUrl, vgaBiosUrl, kernelUrl, initrdUrl, cmdline, memoryMib }) {
      const converse = window.__benchConversation;
      if (converse === undefined) throw new Error("a script is missing");
      const absolute = (url: string): string => new URL(url, document.baseURI).href;
      const image = async (url: string): Promise<{ buffer: ArrayBuffer }> => {
        const response = await fetch(url);
        if (!response.ok) throw new Error(`${url}: ${response.status}`);
        return { buffer: await response.arrayBuffer() };
      };
      const [bios, vgaBios, kernel, initrd] = await Promise.all([biosUrl, vgaBiosUrl, kernelUrl, initrdUrl].map(image));
      const { V86: Machine } = (await import(absolute(moduleUrl))) as { V86: typeof V86 };
      const from = performance.now();
      const emulator = new Machine({
        wasm_path: absolute(wasmUrl),
        memory_size: memoryMib * 2 ** 20,
        vga_memory_size: 2 ** 20,
        bios,
        vga_bios: vgaBios,
        bzimage: kernel,
        initrd,
        cmdline,
        disable_speaker: true,
        disable_keyboard: true,
        disable_mouse: true,
        autostart: true,
      });
      const conversation = converse((text) => emulator.serial0_send(text), () => performance.now());
      let line = "";
      emulator.add_listener("serial0-output-byte", (byte: number) => {
        line += String.fromCharCode(byte);
        if (byte !== 10) return;
        conversation.feed(line);
        line = "";
      });
      const at = await conversation.ready();
      talk = conversation;
      return at - from;
    },
    run(job) {
      if (talk === null) throw new Error("no machine was started");
      return talk.run(job);
    },
    report: () => Promise.resolve({ stats: null, answersMs: [] }),
  };
  window.__benchTalk = own;
}
