/** Lint rules: strict TypeScript, the layers of the tree, and no host time or chance below the VMM. */
import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import tabvisor from "./tools/eslint-plugin.js";

/** Guest time and entropy are injected (docs: "Time"): nothing here may ask the host. */
const HOST = ["performance", "crypto", "setTimeout", "setInterval", "setImmediate", "requestAnimationFrame"];
const INJECTED = "Time and randomness come from the VMM.";

export default defineConfig(
  globalIgnores(["dist/", "build/", "node_modules/", ".cache/", "test-results/", "coverage/"]),
  js.configs.recommended,
  tseslint.configs.strict,
  {
    plugins: { tabvisor },
    rules: {
      "tabvisor/layers": "error",
      "tabvisor/no-cycles": "error",
      eqeqeq: "error",
      "no-console": "off",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // A class may be a mere bundle of capabilities, and an endless loop is how a CPU runs.
      "@typescript-eslint/no-extraneous-class": "off",
      "no-constant-condition": ["error", { checkLoops: false }],
      // Wasm and port numbers are written in groups of digits; a control character is what a terminal speaks.
      "no-control-regex": "off",
    },
  },
  {
    // Rules that need types, where promises are at home.
    files: ["src/ui/**/*.ts", "src/vmm/**/*.ts", "src/cli/**/*.ts", "tools/**/*.ts", "test/e2e/**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
  {
    files: ["src/base/**/*.ts", "src/cpu/**/*.ts", "src/devices/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: {
      "no-restricted-globals": ["error", ...HOST.map((name) => ({ name, message: INJECTED }))],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: INJECTED },
        { object: "Date", property: "now", message: INJECTED },
        ...HOST.map((property) => ({ object: "globalThis", property, message: INJECTED })),
      ],
      // A date of given numbers is arithmetic; one of nothing is the host's clock.
      "no-restricted-syntax": [
        "error",
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: INJECTED },
        { selector: "CallExpression[callee.name='Date']", message: INJECTED },
      ],
    },
  },
);
