/** For all unit tests: what a front end loads before it makes a machine whose code is compiled at once. */
import { loadCompiler } from "../src/jit/region/compiler.ts";

await loadCompiler();
