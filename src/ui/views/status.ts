/** The state pill, the status line, and the voice for screen readers. */
import type { MachineStatus, StopReport } from "../../vmm/api.ts";
import { byId } from "../dom.ts";
import { describePhase, formatCount, formatGuestTime, formatMemory, formatMips } from "../format.ts";
import type { Phase } from "../session.ts";
import { TierMeter } from "./tier-meter.ts";

export class StatusView {
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

  phase(phase: Phase, report: StopReport | null): void {
    const { label, tone } = describePhase(phase, report);
    document.documentElement.dataset["phase"] = phase;
    this.pill.dataset["tone"] = tone;
    this.pillText.textContent = label;
    this.state.textContent = label;
    document.title = phase === "off" ? "Tabvisor" : `${label} – Tabvisor`;
    if (phase !== "running") {
      this.mips.textContent = "–";
      this.idle.textContent = "–";
    }
    if (phase === "off" || phase === "loading") {
      for (const field of [this.time, this.instructions, this.ram]) field.textContent = "–";
      this.tiers.clear();
    }
    this.announce(`Machine: ${label}`);
  }

  status(status: MachineStatus, phase: Phase): void {
    this.time.textContent = formatGuestTime(status.guestTimeNs);
    this.instructions.textContent = formatCount(status.instructions);
    this.ram.textContent = formatMemory(status.memoryMib);
    this.tiers.show(status.tiers);
    if (phase !== "running") return;
    this.mips.textContent = formatMips(status.instructionsPerSecond);
    this.idle.textContent = status.idle ? "idle" : "busy";
  }

  terminalSize(columns: number, rows: number): void {
    this.size.textContent = `${columns} × ${rows}`;
  }

  announce(text: string): void {
    this.announcer.textContent = text;
  }
}
