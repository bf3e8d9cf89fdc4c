/** What suites share. Everything is made when the first suite asks for it. */
import { findChromium, findOnPath } from "../../tools/browsers.ts";
import { ensureImage, type GuestPaths } from "../../tools/image/ensure.ts";
import { Chromium, serveSite, type Site } from "./chromium.ts";
import type { Choice } from "./choice.ts";
import { qemuVersion } from "./environment.ts";
import type { Row } from "./report.ts";

/** A named group of figures. */
export interface Suite {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  run(context: Context): Promise<Row[]>;
}

export class Context {
  readonly qemu: string | null;
  readonly skipped = new Set<string>();
  readonly versions: Record<string, string> = {};
  private guestPaths: Promise<GuestPaths> | null = null;
  private served: Promise<Site> | null = null;
  private browser: Promise<Chromium | null> | null = null;

  constructor(
    readonly runs: number,
    readonly log: (line: string) => void,
    readonly choice: Choice,
  ) {
    this.qemu = findOnPath(["qemu-system-x86_64"]);
    if (this.qemu === null) this.skip("QEMU: qemu-system-x86_64 is not on PATH (Debian's package qemu-system-x86)");
    else this.versions["QEMU"] = qemuVersion(this.qemu);
  }

  skip(why: string): void {
    if (!this.skipped.has(why)) this.log(`not measured: ${why}`);
    this.skipped.add(why);
  }

  /** As `skip`, where something that should be measured does not work. */
  fail(why: string): void {
    this.skip(why);
    this.failed = true;
  }
  failed = false;

  guest(): Promise<GuestPaths> {
    this.guestPaths ??= ensureImage().then((guest) => {
      this.versions["guest Linux"] = guest.info.release;
      return guest;
    });
    return this.guestPaths;
  }

  site(): Promise<Site> {
    this.served ??= this.guest().then(() => {
      this.log("building the page");
      return serveSite();
    });
    return this.served;
  }

  /** Null, and said so once, where there is no Chromium. */
  chromium(): Promise<Chromium | null> {
    this.browser ??= this.launch();
    return this.browser;
  }

  private async launch(): Promise<Chromium | null> {
    let path: string;
    try {
      path = await findChromium(this.log);
    } catch (error) {
      this.skip(`Chromium: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
    const chromium = await Chromium.launch(path, await this.site());
    this.versions["Chromium"] = chromium.version;
    return chromium;
  }

  async close(): Promise<void> {
    await (await this.browser)?.close();
    await (await this.served)?.close();
  }
}
