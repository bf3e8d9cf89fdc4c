/** Debian packages by apt, as an ordinary user: the machine's own sources and keys, but a state folder of ours. */
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { UserError } from "../../src/base/errors.ts";
import type { ImageLog } from "./progress.ts";

export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** First alternatives, without version bounds. */
  readonly depends: readonly string[];
}

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class PrivateApt {
  private constructor(
    private readonly folder: string,
    private readonly log: ImageLog,
  ) {}

  /** `folder` keeps package lists between runs. `architecture` is Debian's name: amd64 or i386. */
  static async open(folder: string, architecture: string, log: ImageLog): Promise<PrivateApt> {
    const apt = new PrivateApt(folder, log);
    for (const sub of ["state/lists/partial", "cache/archives/partial", "log"]) await mkdir(join(folder, sub), { recursive: true });
    await writeFile(join(folder, "status"), "");
    await writeFile(
      apt.config,
      [
        `Dir::State ${quote(join(folder, "state"))};`,
        `Dir::State::lists ${quote(join(folder, "state/lists"))};`,
        `Dir::State::status ${quote(join(folder, "status"))};`,
        `Dir::Cache ${quote(join(folder, "cache"))};`,
        `Dir::Log ${quote(join(folder, "log"))};`,
        // Root would otherwise become the user _apt, who may not write here.
        `APT::Sandbox::User "root";`,
        `APT::Architecture "${architecture}";`,
        `#clear APT::Architectures;`,
        `APT::Architectures { "${architecture}"; };`,
        // Hooks of the machine are about the machine's own state.
        `#clear APT::Update::Pre-Invoke;`,
        `#clear APT::Update::Post-Invoke;`,
        `#clear APT::Update::Post-Invoke-Success;`,
        `Acquire::Languages "none";`,
        `Acquire::Retries "2";`,
        "",
      ].join("\n"),
    );
    return apt;
  }

  private get config(): string {
    return join(this.folder, "apt.conf");
  }

  /** Fetches the package lists. A source that fails is no error here: the package may come from another one. */
  async update(): Promise<string> {
    const { code, stderr } = await this.run("apt-get", ["update"], this.folder, "Fetching package lists");
    return code === 0 ? "" : firstError(stderr);
  }

  /** The newest version of a package, or null where no list has it. */
  async show(name: string): Promise<PackageRecord | null> {
    const { code, stdout } = await this.run("apt-cache", ["show", "--no-all-versions", name], this.folder, null);
    if (code !== 0) return null;
    const field = (key: string): string | undefined => new RegExp(`^${key}: (.*)$`, "m").exec(stdout)?.[1];
    const version = field("Version");
    if (version === undefined) return null;
    const depends = [field("Pre-Depends"), field("Depends")].flatMap((list) => (list === undefined ? [] : list.split(",")));
    return { name, version, depends: depends.map((d) => d.trim().split(/[ |(:]/)[0]) };
  }

  /** Downloads packages into `folder`; apt checks their hashes against the signed lists. */
  async download(names: readonly string[], folder: string): Promise<void> {
    const { code, stderr } = await this.run("apt-get", ["download", ...names], folder, `Downloading ${names.join(", ")}`);
    if (code !== 0) throw new UserError(`image: apt-get download failed: ${firstError(stderr)}`);
  }

  /** Runs a tool with our configuration. `step` shows progress from apt's status lines (`dlstatus:ITEM:PERCENT:TEXT`). */
  private run(tool: string, args: readonly string[], cwd: string, step: string | null): Promise<Result> {
    const status = step === null ? [] : ["-o", "APT::Status-Fd=3"];
    return new Promise((resolve, reject) => {
      const child = spawn(tool, ["-c", this.config, "-q", ...status, ...args], {
        cwd,
        stdio: ["ignore", "pipe", "pipe", "pipe"],
        env: { ...process.env, LC_ALL: "C", LANGUAGE: "C" },
      });
      let stdout = "";
      let stderr = "";
      child.stdout?.on("data", (d: Buffer) => (stdout += d.toString()));
      child.stderr?.on("data", (d: Buffer) => (stderr += d.toString()));
      if (step !== null) {
        this.log.progress(step, null);
        createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
          const percent = /^dlstatus:[^:]*:([\d.]+):/.exec(line)?.[1];
          if (percent !== undefined) this.log.progress(step, Number(percent) / 100);
        });
      }
      child.on("error", (error: NodeJS.ErrnoException) => {
        reject(error.code === "ENOENT" ? new UserError(`image: ${tool} is not found`) : error);
      });
      child.on("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
    });
  }
}

function quote(path: string): string {
  if (path.includes('"')) throw new UserError(`image: apt cannot use a folder whose name has a quotation mark: ${path}`);
  return `"${path}"`;
}

function firstError(stderr: string): string {
  const lines = stderr.split("\n").filter((l) => l.trim() !== "");
  const line = lines.find((l) => /Could not|Failed to fetch/.test(l)) ?? lines.find((l) => l.startsWith("E:")) ?? lines[0];
  return (line ?? "no reason given").replace(/^[EW]: */, "").trim();
}
