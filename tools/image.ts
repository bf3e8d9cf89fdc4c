/** `npm run image`: assembles the default guest, or another Debian kernel's, out of Debian packages. */
import { program } from "commander";
import { UserError } from "../src/base/errors.ts";
import { GUEST_FILES } from "./image/build.ts";
import { ensureImage } from "./image/ensure.ts";
import { DEFAULT_KERNELS } from "./image/packages.ts";

program
  .name("npm run image --")
  .description("Assembles a guest (kernel, initramfs, modules) out of Debian packages, as an ordinary user.")
  .option("--kernel <package>", `kernel package or metapackage, e.g. linux-image-amd64, linux-image-686 (default: ${DEFAULT_KERNELS[0]})`)
  .option("--update", "look for newer packages")
  .option("--deb <file>", "use this package instead of apt; give one for each of kernel and busybox-static", (f: string, all: string[] = []) => [...all, f])
  .parse();

// `| head` closes the pipe early.
process.stdout.on("error", () => process.exit());

const options = program.opts<{ kernel?: string; update?: true; deb?: string[] }>();
try {
  const guest = await ensureImage({
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...(options.update === undefined ? {} : { update: true }),
    ...(options.deb === undefined ? {} : { debs: options.deb }),
  });
  const { info } = guest;
  console.log(`${guest.folder}: ${info.kernelPackage.name} ${info.kernelPackage.version}, ${info.busyboxPackage.name} ${info.busyboxPackage.version}`);
  for (const name of GUEST_FILES) console.log(`${String(info.files[name].size).padStart(10)}  ${name}`);
  console.log(`command line: ${info.cmdline}`);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
