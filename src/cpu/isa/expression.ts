/** Assembler expressions: constants, symbols and registers with + - * / << >> & | and parentheses, as linear forms. */
import { UserError } from "../../base/errors.ts";

/** value + Σ factor·register. */
export interface Linear {
  value: bigint;
  readonly registers: Map<string, bigint>;
}

export interface Symbols {
  /** The value of a symbol; throws UserError when it has none. */
  lookup(name: string): bigint;
}

const TOKEN = /\s*(?:(0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9a-fA-F_]*[hH]|[0-9][0-9_]*)|('[^']*'|"[^"]*")|([A-Za-z_.$?][\w.$?@]*)|(<<|>>|[-+*/%()&|^~]))/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    if (text.slice(TOKEN.lastIndex).trim() === "") break;
    const m = TOKEN.exec(text);
    if (!m) throw new UserError(`cannot read expression "${text}"`);
    tokens.push(m[0].trim());
  }
  return tokens;
}

function parseNumber(token: string): bigint {
  const t = token.replace(/_/g, "");
  if (/h$/i.test(t) && !/^0x/i.test(t)) return BigInt(`0x${t.slice(0, -1)}`);
  return BigInt(t);
}

/** Little-endian value of a character constant. */
function parseCharacters(token: string): bigint {
  let value = 0n;
  for (let i = token.length - 2; i >= 1; i--) value = (value << 8n) | BigInt(token.charCodeAt(i) & 0xff);
  return value;
}

const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ["|", 1], ["^", 2], ["&", 3], ["<<", 4], [">>", 4], ["+", 5], ["-", 5], ["*", 6], ["/", 6], ["%", 6],
]);

function combine(op: string, a: Linear, b: Linear, text: string): Linear {
  if (op === "+" || op === "-") {
    const sign = op === "+" ? 1n : -1n;
    const registers = new Map(a.registers);
    for (const [name, factor] of b.registers) registers.set(name, (registers.get(name) ?? 0n) + sign * factor);
    return { value: a.value + sign * b.value, registers };
  }
  if (op === "*" && (a.registers.size > 0) !== (b.registers.size > 0)) {
    const [form, by] = a.registers.size > 0 ? [a, b.value] : [b, a.value];
    return { value: form.value * by, registers: new Map([...form.registers].map(([n, f]) => [n, f * by])) };
  }
  if (a.registers.size > 0 || b.registers.size > 0) throw new UserError(`a register cannot be used with "${op}" in "${text}"`);
  const x = a.value, y = b.value;
  let value: bigint;
  switch (op) {
    case "*": value = x * y; break;
    case "/": case "%":
      if (y === 0n) throw new UserError(`division by zero in "${text}"`);
      value = op === "/" ? x / y : x % y;
      break;
    case "<<": value = x << y; break;
    case ">>": value = x >> y; break;
    case "&": value = x & y; break;
    case "|": value = x | y; break;
    default: value = x ^ y; break;
  }
  return { value, registers: new Map() };
}

/** Evaluates `text`; names for which `isRegister` holds stay symbolic. */
export function evaluateLinear(text: string, symbols: Symbols, isRegister: (name: string) => boolean): Linear {
  const tokens = tokenize(text);
  let at = 0;
  const primary = (): Linear => {
    const token = tokens[at++];
    if (token === undefined) throw new UserError(`expression ends too early: "${text}"`);
    if (token === "(") {
      const inner = binary(0);
      if (tokens[at++] !== ")") throw new UserError(`missing ) in "${text}"`);
      return inner;
    }
    if (token === "-") return combine("*", { value: -1n, registers: new Map() }, primary(), text);
    if (token === "+") return primary();
    if (token === "~") return { value: ~constant(primary(), text), registers: new Map() };
    if (/^[0-9]/.test(token)) return { value: parseNumber(token), registers: new Map() };
    if (/^['"]/.test(token)) return { value: parseCharacters(token), registers: new Map() };
    if (/^[A-Za-z_.$?]/.test(token)) {
      const lower = token.toLowerCase();
      if (isRegister(lower)) return { value: 0n, registers: new Map([[lower, 1n]]) };
      return { value: symbols.lookup(token), registers: new Map() };
    }
    throw new UserError(`unexpected "${token}" in "${text}"`);
  };
  const binary = (least: number): Linear => {
    let left = primary();
    for (;;) {
      const op = tokens[at], precedence = op === undefined ? undefined : PRECEDENCE.get(op);
      if (op === undefined || precedence === undefined || precedence <= least) return left;
      at++;
      left = combine(op, left, binary(precedence), text);
    }
  };
  const result = binary(0);
  if (at !== tokens.length) throw new UserError(`unexpected "${tokens[at]}" in "${text}"`);
  return result;
}

function constant(form: Linear, text: string): bigint {
  if (form.registers.size > 0) throw new UserError(`a register where a number is needed: "${text}"`);
  return form.value;
}

export function evaluate(text: string, symbols: Symbols): bigint {
  return constant(evaluateLinear(text, symbols, () => false), text);
}
