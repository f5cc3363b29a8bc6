/**
 * The gate: everything that must hold before a change goes in, quickest first. Stops at the first failure and shows its last lines.
 * `bun run ok`; with `--static` all but the tests (.ci/run runs those itself).
 */

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const STATIC_STEPS: readonly Step[] = [
  { name: "format", command: ["bun", "fmt", "--no-script", "--check"] },
  { name: "types", command: ["bun", "check"] },
  { name: "lint", command: ["oxlint", "--type-aware", "--deny-warnings", "--format=unix"] },
  { name: "unused code", command: ["knip", "--no-config-hints"] },
];
const TEST_STEP: Step = { name: "tests", command: ["bun", "test", "--randomize"] };
const TAIL_LINES = 60;

const root = new URL("..", import.meta.url).pathname;
const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env["PATH"] ?? ""}`, NO_COLOR: "1" };

async function main(): Promise<number> {
  const steps = process.argv.includes("--static") ? STATIC_STEPS : [...STATIC_STEPS, TEST_STEP];
  for (const step of steps) if (!(await run(step))) return 1;
  return 0;
}

async function run({ name, command }: Step): Promise<boolean> {
  const started = performance.now();
  const child = Bun.spawn([...command], { cwd: root, env, stdout: "pipe", stderr: "pipe", stdin: "ignore" });
  const outputs = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = outputs[2] === 0;
  console.log(`${ok ? "ok  " : "FAIL"}  ${name.padEnd(12)} ${seconds.padStart(6)} s`);
  if (ok) return true;
  const lines = `${outputs[0]}\n${outputs[1]}`.trim().split("\n");
  if (lines.length > TAIL_LINES)
    console.log(`... ${lines.length - TAIL_LINES} lines before these; all: ${command.join(" ")}`);
  console.log(lines.slice(-TAIL_LINES).join("\n"));
  return false;
}

process.exitCode = await main();
