/** The state pill, the status line, and the voice for screen readers. */
import type { MachineSummary } from "../../vmm/api.ts";
import { byId } from "../dom.ts";
import { describeState, formatCount, formatGuestTime, formatMemory, formatMips } from "../format.ts";
import { TierMeter } from "./tier-meter.ts";

export class StatusView {
  private readonly name = byId("machine-name");
  private readonly pill = byId("pill");
  private readonly pillText = byId("pill-text");
  private readonly state = byId("stat-state");
  private readonly time = byId("stat-time");
  private readonly mips = byId("stat-mips");
  private readonly instructions = byId("stat-insns");
  private readonly ram = byId("stat-ram");
  private readonly idle = byId("stat-idle");
  private readonly size = byId("stat-size");
  private readonly tiers = new TierMeter();
  private readonly announcer = byId("announcer");
  private said = "";

  /** The chosen machine, or null when there is none. */
  show(machine: MachineSummary | null): void {
    const { label, tone } = machine === null ? { label: "No machine", tone: "quiet" } : describeState(machine);
    const phase = machine?.state ?? "none";
    const said = `${machine?.id ?? ""} ${label}`;
    document.documentElement.dataset["phase"] = phase;
    this.name.textContent = machine?.name ?? "";
    this.pill.dataset["tone"] = tone;
    this.pillText.textContent = label;
    this.state.textContent = label;
    document.title = machine === null ? "Tabvisor" : `${machine.name}: ${label} – Tabvisor`;
    if (said !== this.said && machine !== null) this.announce(`${machine.name}: ${label}`);
    this.said = said;
    const status = machine?.status ?? null;
    if (status === null || phase === "off" || phase === "loading") {
      for (const field of [this.time, this.instructions, this.ram, this.mips, this.idle]) field.textContent = "–";
      this.tiers.clear();
      return;
    }
    this.time.textContent = formatGuestTime(status.guestTimeNs);
    this.instructions.textContent = formatCount(status.instructions);
    this.ram.textContent = formatMemory(status.memoryMib);
    this.tiers.show(status.tiers);
    const running = phase === "running";
    this.mips.textContent = running ? formatMips(status.instructionsPerSecond) : "–";
    this.idle.textContent = !running ? "–" : status.idle ? "idle" : `${Math.round((machine?.load ?? 0) * 100)} %`;
  }

  terminalSize(columns: number, rows: number): void {
    this.size.textContent = `${columns} × ${rows}`;
  }

  announce(text: string): void {
    this.announcer.textContent = text;
  }
}
