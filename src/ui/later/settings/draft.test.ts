/** The settings' draft: what the form may say, and what becomes of it in the definition. */
import { describe, expect, it } from "vitest";
import type { FileSource } from "../../../vmm/api.ts";
import { checkDefinition } from "../../../vmm/definition/check.ts";
import { applyDraft, checkDraft, draftOf } from "./draft.ts";

const plain = checkDefinition({ name: "Linux" });
const keep = (file: File): Promise<FileSource> => Promise.resolve({ file: file.name });

describe("the settings' draft", () => {
  it("leaves a definition as it is when nothing is changed", async () => {
    for (const definition of [
      plain,
      checkDefinition({ name: "x", boot: { kernel: { file: "vmlinuz" }, initrds: [{ url: "https://example.org/i" }], cmdline: "quiet" }, cpu: { share: 0.5 }, network: true }),
      checkDefinition({ name: "y", boot: { firmware: "own", order: ["cdrom", "disk", "floppy"], menu: true }, disks: [{ image: { blank: "1G" }, bus: "ide" }], background: "pause" }),
    ]) {
      const after = checkDefinition(await applyDraft(draftOf(definition), definition, keep));
      // Test kernels end through it.
      const { debugExit } = after.devices;
      expect({ ...after, devices: { ...after.devices, debugExit: definition.devices.debugExit } }).toEqual(definition);
      expect(debugExit).toEqual("kernel" in definition.boot && "file" in definition.boot.kernel ? { iobase: 0xf4, iosize: 4 } : null);
    }
  });
  it("stores files that are the user's still, and joins lines of the command line", async () => {
    const draft = draftOf(plain);
    draft.mode = "kernel";
    draft.kernel = new File(["x"], "bzImage");
    draft.initrds = [new File(["y"], "a.img"), { file: "b.img" }];
    draft.cmdline.kernel = "console=ttyS0\n  quiet ";
    draft.memory = " 512 ";
    const after = checkDefinition(await applyDraft(draft, plain, keep));
    expect(after.boot).toEqual({ kernel: { file: "bzImage" }, initrds: [{ file: "a.img" }, { file: "b.img" }], cmdline: "console=ttyS0 quiet" });
    expect(after.memory).toBe(512);
  });
  it.each(["", "abc", "-4", "1.5", "1e3", "0", "4000"])("refuses RAM of '%s'", (memory) => {
    expect(checkDraft({ ...draftOf(plain), memory })?.field).toBe("memory");
  });
  it("wants a kernel, a CPU and a name", () => {
    expect(checkDraft(draftOf(plain))).toBeNull();
    expect(checkDraft({ ...draftOf(plain), mode: "kernel" })?.message).toBe("Choose a kernel first.");
    expect(checkDraft({ ...draftOf(plain), cpu: " " })?.field).toBe("cpu");
    expect(checkDraft({ ...draftOf(plain), name: "" })?.field).toBe("name");
  });
});
