/** Two ESLint rules of this project: the import directions of the tree's layers, and no import cycles. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");

/**
 * Which parts of src/ a part may import besides itself, and which packages. The longest matching folder counts.
 * Tests beside the sources are free.
 */
const LAYERS = {
  "src/base": { parts: [], packages: [] },
  "src/cpu": { parts: ["src/base"], packages: [] },
  "src/devices": { parts: ["src/base"], packages: [] },
  "src/jit": { parts: ["src/base", "src/cpu"], packages: [] },
  // The encoder knows no x86.
  "src/jit/wasm": { parts: ["src/base"], packages: [] },
  "src/vmm": { parts: ["src/base", "src/cpu", "src/jit", "src/devices"], packages: [/^(?!node:|comlink$)/] },
  "src/vmm/worker.ts": { parts: ["src/base", "src/cpu", "src/jit", "src/devices", "src/vmm"], packages: [/^comlink$/] },
  "src/vmm/store/store-worker.ts": { parts: ["src/base", "src/vmm"], packages: [/^comlink$/] },
  "src/vmm/store/client.ts": { parts: ["src/base", "src/vmm"], packages: [/^comlink$/] },
  "src/vmm/display-worker.ts": { parts: ["src/devices", "src/vmm/api.ts"], packages: [/^comlink$/] },
  "src/ui": { parts: ["src/vmm/api.ts", "src/vmm/manager/open.ts"], packages: [/^@xterm\//, /^idb-keyval$/] },
  "src/ui/client.ts": { parts: ["src/ui", "src/vmm/api.ts", "src/vmm/manager/open.ts"], packages: [/^comlink$/] },
  // The element has a terminal and a screen, as the page has.
  "src/embed": { parts: ["src/vmm/api.ts", "src/vmm/manager/open.ts", "src/ui/client.ts", "src/ui/serial-queue.ts", "src/ui/screen-input.ts"], packages: [/^@xterm\//] },
  // Assembled at build time; the font is the VGA's.
  bios: { parts: ["src/base", "src/cpu/isa", "src/devices/vga"], packages: [/^node:/] },
  "src/cli": { parts: ["src/base", "src/vmm", "bios"], packages: [/^node:/, /^yargs-parser$/] },
};

const within = (file, part) => file === part || file.startsWith(`${part}/`);

/** The part that a file belongs to, and for what it may import of its own: the top folder. */
function layerOf(file) {
  const matches = Object.keys(LAYERS).filter((part) => within(file, part));
  const part = matches.sort((a, b) => b.length - a.length)[0];
  return part === undefined ? null : { part, ...LAYERS[part] };
}

const slashes = (path) => path.split(sep).join("/");
const isTest = (file) => file.endsWith(".test.ts");

/** What a relative import means, as a path from the root. */
function target(file, source) {
  return slashes(relative(ROOT, resolve(dirname(join(ROOT, file)), source.split("?", 1)[0])));
}

/** Calls `check` with every import, export-from and dynamic import of a file. */
function onImports(check) {
  const visit = (node) => {
    if (node.source?.type === "Literal" && typeof node.source.value === "string") check(node.source, node.source.value);
  };
  return { ImportDeclaration: visit, ExportNamedDeclaration: visit, ExportAllDeclaration: visit, ImportExpression: visit };
}

const layers = {
  meta: { type: "problem", schema: [], messages: { part: "{{from}} must not import {{to}}", package: "{{from}} must not import the package '{{to}}'" } },
  create(context) {
    const file = slashes(relative(ROOT, context.filename));
    const layer = layerOf(file);
    if (layer === null || isTest(file)) return {};
    return onImports((node, source) => {
      if (!source.startsWith(".")) {
        if (!layer.packages.some((allowed) => allowed.test(source))) context.report({ node, messageId: "package", data: { from: layer.part, to: source } });
        return;
      }
      const to = target(file, source);
      if (![layer.part, ...layer.parts].some((part) => within(to, part))) context.report({ node, messageId: "part", data: { from: layer.part, to } });
    });
  },
};

/** file → files that it imports; read once a run. Types count: a cycle of types is a cycle of ideas. */
const graph = new Map();

function importsOf(file) {
  const known = graph.get(file);
  if (known !== undefined) return known;
  const path = join(ROOT, file);
  const found = [];
  if (file.endsWith(".ts") && existsSync(path)) {
    const text = readFileSync(path, "utf8");
    for (const [, source] of text.matchAll(/^\s*(?:import|export)\b[^"';]*?["'](\.[^"']+)["']/gm)) found.push(target(file, source));
  }
  graph.set(file, found);
  return found;
}

/** A way from `from` back to `goal`, or null. */
function findPath(from, goal, seen) {
  for (const next of importsOf(from)) {
    if (next === goal) return [from];
    if (seen.has(next)) continue;
    seen.add(next);
    const rest = findPath(next, goal, seen);
    if (rest !== null) return [from, ...rest];
  }
  return null;
}

const noCycles = {
  meta: { type: "problem", schema: [], messages: { cycle: "import cycle: {{path}}" } },
  create(context) {
    const file = slashes(relative(ROOT, context.filename));
    if (!file.startsWith("src/") || isTest(file)) return {};
    return onImports((node, source) => {
      if (!source.startsWith(".")) return;
      const to = target(file, source);
      const path = to === file ? [] : findPath(to, file, new Set([to]));
      if (path !== null) context.report({ node, messageId: "cycle", data: { path: [file, ...path, file].join(" → ") } });
    });
  },
};

export default { meta: { name: "tabvisor" }, rules: { layers, "no-cycles": noCycles } };
