/** `npm start`: prepares the default guest if it is not there yet, serves the page, prints its address. */
import { parseArgs } from "node:util";
import { createServer } from "vite";

interface Options {
  readonly port: number;
  readonly strict: boolean;
}

function options(): Options {
  const { values } = parseArgs({ options: { port: { type: "string" } } });
  if (values.port === undefined) return { port: 5173, strict: false };
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) throw new Error(`--port takes a number up to 65535, not '${values.port}'`);
  return { port, strict: true };
}

/** The page also runs without a default guest, so a failure here is told and not fatal. */
async function prepareGuest(): Promise<void> {
  try {
    const { ensureImage } = await import("./image/ensure.ts");
    await ensureImage();
  } catch (error) {
    console.log(`  The default guest could not be prepared: ${error instanceof Error ? error.message : String(error)}`);
    console.log("  The page runs all the same, with kernels of your own.");
  }
}

async function main(): Promise<void> {
  const { port, strict } = options();
  console.log("Tabvisor: preparing the default guest");
  await prepareGuest();
  const server = await createServer({ clearScreen: false, logLevel: "warn", server: { host: "127.0.0.1", port, strictPort: strict } });
  await server.listen();
  const address = server.resolvedUrls?.local[0] ?? `http://127.0.0.1:${server.config.server.port}/`;
  console.log(`\n  Tabvisor is at ${address}\n  Ctrl-C ends it.\n`);
}

try {
  await main();
} catch (error) {
  console.error(`tabvisor: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
