/** The tier meter of the status line: what part of the instructions compiled code executes, how many regions there are, what waits. */
import type { TierStatus } from "../../vmm/api.ts";
import { byId } from "../dom.ts";
import { formatCount } from "../format.ts";

/** `96 %, 412 regions, 3 waiting`. */
export function describeTiers(tiers: TierStatus | null): string {
  if (tiers === null) return "off";
  const parts = [tiers.share === null ? "–" : `${Math.round(tiers.share * 100)} %`, `${formatCount(tiers.regions)} ${tiers.regions === 1 ? "region" : "regions"}`];
  if (tiers.queue > 0) parts.push(`${tiers.queue} waiting`);
  return parts.join(", ");
}

export class TierMeter {
  private readonly field = byId("stat-tiers");

  show(tiers: TierStatus | null): void {
    this.field.textContent = describeTiers(tiers);
  }
  clear(): void {
    this.field.textContent = "–";
  }
}
