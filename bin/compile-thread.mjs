// The command's thread that compiles regions: worker threads do not inherit the loader for TypeScript.
import { register } from "tsx/esm/api";

register();
await import("../src/cli/compile-thread.ts");
