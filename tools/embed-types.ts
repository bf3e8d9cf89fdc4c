/** `npx tsx tools/embed-types.ts [FOLDER]`: the type declarations of the embedding library, out of the type check's output. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = fileURLToPath(new URL("../build/types/", import.meta.url));
const OUT = join(process.argv[2] ?? fileURLToPath(new URL("../dist/embed/", import.meta.url)), "types");

/** Each layer is a project, whose declarations are in a folder of its own; `source` as `src/vmm/api`. */
function declarationOf(source: string): string {
  const [, layer] = source.split("/");
  return join(TYPES, "src", layer, `${source}.d.ts`);
}

/** Copies a declaration and those that it names. Declarations name sources; a package has none. */
function copy(source: string, done: Set<string>): void {
  if (done.has(source)) return;
  done.add(source);
  const file = declarationOf(source);
  if (!existsSync(file)) throw new Error(`${file} is not there: run 'npm run typecheck' first`);
  const text = readFileSync(file, "utf8").replace(/(["'])(\.[^"']+)\.ts\1/g, (_all, quote: string, path: string) => {
    copy(posix.join(posix.dirname(source), path), done);
    return `${quote}${path}.js${quote}`;
  });
  const to = join(OUT, `${source.replace(/^src\//, "")}.d.ts`);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text.replace(/\n\/\/# sourceMappingURL=.*/, ""));
}

const done = new Set<string>();
for (const entry of ["src/embed/index", "src/embed/element"]) copy(entry, done);
console.log(`types of the embedding library: ${done.size} files`);
