import { describe, expect, it } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import { Quota, QuotaStore } from "./quota-store.ts";

describe("quota", () => {
  it("is shared by the stores of a machine, and counts what is there already", () => {
    const quota = new Quota(100);
    const a = new QuotaStore(MemoryStore.of(new Uint8Array(40)), quota);
    const b = new QuotaStore(new MemoryStore(), quota);
    expect(quota.usedBytes).toBe(40);
    b.write(0, new Uint8Array(50));
    expect(quota.usedBytes).toBe(90);
    b.write(10, new Uint8Array(40)); // no growth
    expect(() => a.write(35, new Uint8Array(20))).toThrow(expect.objectContaining({ name: "QuotaExceededError" }));
    expect(a.size()).toBe(40);
    expect(quota.usedBytes).toBe(90);
    a.write(35, new Uint8Array(15));
    expect(quota.usedBytes).toBe(100);
  });

  it("gives back what is cut off", () => {
    const quota = new Quota(100);
    const a = new QuotaStore(new MemoryStore(), quota);
    a.truncate(100);
    expect(() => a.truncate(101)).toThrow("quota");
    a.truncate(10);
    expect(quota.usedBytes).toBe(10);
    a.write(50, new Uint8Array(50));
    expect(quota.usedBytes).toBe(100);
  });
});
