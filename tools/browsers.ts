/** Finds the browsers that tests drive: Playwright's own Chromium or the system's, and Firefox for WebDriver BiDi. */
import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** For a headless Chromium in a container that shall talk to nobody but us. */
export const CHROMIUM_FLAGS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first of these commands on PATH, as a full path. */
export function findOnPath(names: readonly string[]): string | null {
  for (const name of names) {
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
      const file = join(folder, name);
      if (folder !== "" && isExecutable(file)) return file;
    }
  }
  return null;
}

/** Installs a Debian package where we may. True if apt says that it is there now. */
function aptInstall(name: string, log: (line: string) => void): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || findOnPath(["apt-get"]) === null) return false;
  log(`installing ${name} with apt-get`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = (): boolean => spawnSync("apt-get", ["install", "-y", "--no-install-recommends", name], { env, stdio: "ignore" }).status === 0;
  if (install()) return true;
  try {
    execFileSync("apt-get", ["update"], { env, stdio: "ignore" });
  } catch {
    return false;
  }
  return install();
}

async function playwrightsOwn(): Promise<string | null> {
  try {
    const { chromium } = await import("playwright");
    const file = chromium.executablePath();
    return isExecutable(file) ? file : null;
  } catch {
    return null;
  }
}

type Log = (line: string) => void;

/** Path of a Chromium. Throws an Error with a message for a person if there is none. */
export async function findChromium(log: Log = () => undefined): Promise<string> {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const found = (await playwrightsOwn()) ?? findOnPath(names) ?? (aptInstall("chromium", log) ? findOnPath(names) : null);
  if (found !== null) return found;
  throw new Error("no Chromium found: install the package 'chromium' (Debian, Ubuntu), or run 'npx playwright install chromium'");
}

/** Path of a Firefox. Throws an Error with a message for a person if there is none. */
export async function findFirefox(log: Log = () => undefined): Promise<string> {
  const names = ["firefox-esr", "firefox"];
  const found = findOnPath(names) ?? (aptInstall("firefox-esr", log) ? findOnPath(names) : null);
  if (found !== null) return found;
  throw new Error("no Firefox found: install the package 'firefox-esr' (Debian) or 'firefox'");
}
