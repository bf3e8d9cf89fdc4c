/** The Debian disk: what cannot be asked for; and the disk itself, if there is one. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ensureDebian, existingDebian } from "../../tools/image/debian.ts";
import { silentLog } from "../../tools/image/progress.ts";

describe("options", () => {
  it("that cannot be are refused before anything is made", async () => {
    const cache = mkdtempSync(join(tmpdir(), "tabvisor-debian-"));
    const common = { cache, log: silentLog };
    await expect(ensureDebian({ ...common, include: ["vim; rm -rf /"] })).rejects.toThrow("image: 'vim; rm -rf /' is not the name of a package");
    await expect(ensureDebian({ ...common, include: ["--root"] })).rejects.toThrow("image: '--root' is not the name of a package");
    for (const size of ["0G", "big", "1T", "-1G"]) await expect(ensureDebian({ ...common, size })).rejects.toThrow(`image: '${size}' is not a size such as 900M or 4G`);
    expect(readdirSync(cache)).toEqual([]);
    rmSync(cache, { recursive: true });
  });
});

const made = await existingDebian();
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
const tool = (name: string, ...args: readonly string[]): string => execFileSync(name, [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, PATH } });

describe.skipIf(made === null)("the disk", () => {
  it("is a whole file system with what was asked for", () => {
    const disk = made?.disk ?? "";
    expect(tool("e2fsck", "-fn", disk)).toContain("Pass 5");
    const stat = (path: string): string => tool("debugfs", "-R", `stat ${path}`, disk);
    for (const path of ["/usr/bin/bash", "/usr/bin/python3", "/usr/bin/perl", "/usr/bin/env"]) expect(stat(path), path).toMatch(/Inode: \d+/);
    expect(stat("/usr/bin/passwd")).toMatch(/Mode: +04755[\s\S]*User: +0 +Group: +0/);
    expect(tool("debugfs", "-R", "cat /etc/shadow", disk)).toMatch(/^root::/m);
    expect(tool("debugfs", "-R", "cat /etc/hostname", disk)).toBe("tabvisor\n");
    expect(Object.keys(made?.info.versions ?? {})).toEqual(expect.arrayContaining(["bash", "coreutils", "python3", "perl"]));
  });
});
