/** A small guest on which everything that enters a machine leaves its mark, and runs of it that are recorded and replayed. */
import type { MachineConfig } from "../../src/vmm/config.ts";
import { KEY_BYTES } from "../../src/vmm/machine/entropy.ts";
import type { Machine, MachineOptions, RunOutcome } from "../../src/vmm/machine/machine.ts";
import { bindingOf } from "../../src/vmm/record/binding.ts";
import { Player, Recording, type ReplayResult } from "../../src/vmm/record/player.ts";
import { Recorder, type RecorderOptions } from "../../src/vmm/record/recorder.ts";
import { assembleKernel, makeMachine } from "../machine/guest.ts";

/**
 * Interrupts from PIT, COM1 and keyboard. Each handler mixes the time stamp, random numbers and what came into one word, EBP; COM1's
 * echoes, the keyboard's writes the word. Between them loops and HLT, as the word has it. `q` powers the machine off, `r` resets it.
 */
const SOURCE = `
start:
  mov esp, 0x200000
  call setup_gdt32
  call setup_idt32
  mov al, 0x11
  out 0x20, al
  mov al, 0x20
  out 0x21, al
  mov al, 4
  out 0x21, al
  mov al, 1
  out 0x21, al
  mov ebx, 0x20
  mov ecx, tick
  mov dx, 0x8e00
  call set_gate32
  mov ebx, 0x21
  mov ecx, key
  mov dx, 0x8e00
  call set_gate32
  mov ebx, 0x24
  mov ecx, typed
  mov dx, 0x8e00
  call set_gate32
  mov al, 0x34
  out 0x43, al
  mov ax, 1193
  out 0x40, al
  mov al, ah
  out 0x40, al
  mov al, 0x60
  out 0x64, al
  mov al, 0x45
  out 0x60, al
  mov dx, 0x3fc
  mov al, 0x0b
  out dx, al
  mov dx, 0x3f9
  mov al, 1
  out dx, al
  mov al, 0xec
  out 0x21, al
  xor ebp, ebp
  sti
.again:
  mov ecx, ebp
  and ecx, 0xfff
  inc ecx
.spin:
  imul eax, ecx, 0x01000193
  xor [scratch], eax
  loop .spin
  test ebp, 0x30
  jz .again
  hlt
  jmp .again

mix: ; EAX into EBP
  push edx
  xor ebp, eax
  rdtsc
  add ebp, eax
  rdrand eax
  xor ebp, eax
  rol ebp, 7
  mov eax, [scratch]
  add ebp, eax
  pop edx
  ret

tick:
  push eax
  xor eax, eax
  call mix
  mov al, 0x20
  out 0x20, al
  pop eax
  iretd

key:
  push eax
  push ecx
  push edx
  in al, 0x60
  movzx eax, al
  call mix
  mov ecx, 8
.digit:
  rol ebp, 4
  mov eax, ebp
  and al, 15
  add al, 65
  mov dx, 0x3f8
  out dx, al
  loop .digit
  mov al, 0x20
  out 0x20, al
  pop edx
  pop ecx
  pop eax
  iretd

typed:
  push eax
  push edx
.more:
  mov dx, 0x3fd
  in al, dx
  test al, 1
  jz .done
  mov dx, 0x3f8
  in al, dx
  cmp al, 113
  je .off
  cmp al, 114
  je .reset
  out dx, al
  movzx eax, al
  call mix
  jmp .more
.done:
  mov al, 0x20
  out 0x20, al
  pop edx
  pop eax
  iretd
.off:
  mov eax, 3
  jmp exit32
.reset:
  mov al, 0xfe
  out 0x64, al
  jmp $

scratch equ 0x210000
%include lib32.inc
%include gdt32.inc
`;
let kernel: Uint8Array | null = null;

export const CONFIG: Omit<MachineConfig, "boot"> = {
  memoryMib: 4, cpu: "x86-64-v2,+rdrand", deterministic: true, debugExit: { iobase: 0xf4, iosize: 4 }, epochSeconds: 1_700_000_000, noReboot: false, vga: "none",
};

export function machineConfig(config: Partial<MachineConfig>): MachineConfig {
  kernel ??= assembleKernel(SOURCE);
  return { ...CONFIG, boot: { kernel, initrds: [], cmdline: "" }, ...config };
}

/** Repeatable chance. */
export class Chance {
  constructor(private seed: number) {}
  below(n: number): number {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.seed / 2 ** 32) * n);
  }
}

/** What a run came to. */
export interface Summary {
  readonly serial: string;
  readonly instructions: number;
  readonly ns: number;
  readonly hash: string;
}

export interface Recorded {
  readonly log: Uint8Array;
  readonly summary: Summary;
  readonly bound: Awaited<ReturnType<typeof bindingOf>>;
}

interface Life {
  readonly machine: Machine;
  serial(): string;
}

const summaryOf = async (machine: Machine, serial: string): Promise<Summary> =>
  ({ serial, instructions: machine.vcpu.retired, ns: machine.guestTimeNs, hash: await machine.stateHash() });

/** A run to its end. `drive` is called between pieces of it, and says how many instructions the next one has; it may give input. */
export async function record(config: MachineConfig, options: MachineOptions, recorderOptions: RecorderOptions, drive: (machine: Machine, outcome: RunOutcome | null) => number): Promise<Recorded> {
  const parts: Uint8Array[] = [];
  const bound = await bindingOf(config, options);
  const recorder = new Recorder({ write: (bytes) => parts.push(bytes.slice()) }, bound, recorderOptions);
  let serial = "";
  const make = (): Life => {
    const life = makeMachine(config.boot, config, options);
    recorder.powerOn(life.machine, new Uint8Array(KEY_BYTES).fill(1));
    return life;
  };
  let life = make();
  for (let outcome: RunOutcome | null = null; ; ) {
    outcome = life.machine.run(1e9, drive(life.machine, outcome));
    if (outcome.kind === "reset") {
      serial += life.serial();
      recorder.reset(life.machine.position, true);
      life.machine.close();
      life = make();
    } else if (outcome.kind === "stopped") {
      await recorder.end(life.machine, true, outcome.report.kind);
      return { log: Buffer.concat(parts), summary: await summaryOf(life.machine, serial + life.serial()), bound };
    } else if (outcome.kind === "idle" && outcome.ns !== null) await new Promise((resolve) => setTimeout(resolve, (outcome as { ns: number }).ns / 1e6));
  }
}

export interface Replayed {
  readonly summary: Summary;
  readonly result: ReplayResult;
}

/** The recorded run once more, in pieces of `piece` instructions. Throws what a replay throws. */
export async function replay(log: Uint8Array, config: MachineConfig, options: MachineOptions = {}, piece: () => number = () => Infinity): Promise<Replayed> {
  const recording = new Recording(log);
  const player = new Player(recording);
  let serial = "";
  const make = (first: boolean): Life => {
    const fromState = first && recording.start.kind === "state";
    const key = fromState ? null : player.key();
    const life = makeMachine(config.boot, config, options, key ?? undefined);
    if (fromState) recording.restore(life.machine);
    player.attach(life.machine);
    return life;
  };
  let life = make(true);
  for (;;) {
    const { machine } = life;
    const outcome = machine.run(1e9, piece());
    if (outcome.kind === "reset") {
      serial += life.serial();
      player.reset(machine);
      machine.close();
      life = make(false);
    } else if (outcome.kind === "stopped" || outcome.kind === "replayed") {
      const result = await player.end(machine, outcome.kind === "stopped" ? outcome.report.kind : null);
      return { summary: await summaryOf(machine, serial + life.serial()), result };
    } else if (outcome.kind === "idle") await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
