/** The tier meter's words. */
import { describe, expect, it } from "vitest";
import { describeTiers } from "./tier-meter.ts";

describe("describeTiers", () => {
  it("says the share, the regions and what waits", () => {
    expect(describeTiers({ share: 0.964, regions: 1412, queue: 3 })).toBe("96 %, 1.41 K regions, 3 waiting");
    expect(describeTiers({ share: 1, regions: 1, queue: 0 })).toBe("100 %, 1 region");
  });
  it("has words for a halted guest and for tier 0 alone", () => {
    expect(describeTiers({ share: null, regions: 0, queue: 0 })).toBe("–, 0 regions");
    expect(describeTiers(null)).toBe("off");
  });
});
