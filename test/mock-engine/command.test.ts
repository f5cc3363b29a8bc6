import { afterEach, expect, test } from "bun:test";
import { selfCommand } from "../../src/lib/self-command.ts";
import { parseCommandLine } from "../../src/mock-engine/options.ts";
import { chatBody, post } from "./support.ts";

const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function start(...flags: string[]): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  const command = [...selfCommand(), "mock-engine", "--host", "127.0.0.1", ...flags];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  children.push(child);
  return child;
}

async function readyLine(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<string> {
  const { value } = await child.stdout.getReader().read();
  return Buffer.from(value ?? new Uint8Array()).toString();
}

test("prints one line when ready, ends what runs on SIGTERM, and exits 0", async () => {
  const child = start("--port", "0", "--served-model-name=ernie", "--quantization", "wint4");
  const line = await readyLine(child);
  expect(line).toMatch(/^mock-engine listening on http:\/\/127\.0\.0\.1:\d+ model ernie\n$/);
  const url = line.split(" ")[3] ?? "";
  const running = post(`${url}/v1/chat/completions`, chatBody({ max_tokens: 30 }));
  let state = "";
  while (!state.includes(`"open":1`)) state = await (await fetch(`${url}/mock/state`)).text();
  child.kill("SIGTERM");
  expect((await running).status).toBe(200);
  expect(await child.exited).toBe(0);
  expect(await new Response(child.stderr).text()).toBe("mock-engine: ignored --quantization\n");
});

test("the port stays closed while the model loads, and a broken model exits 0 without a word on stdout", async () => {
  const child = start("--port", "0", "--load-secs", "0.05", "--load-fail");
  expect(await new Response(child.stdout).text()).toBe("");
  expect(await child.exited).toBe(0);
});

test("a port that is taken exits 1, a wrong flag 2, and both say why", async () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const busy = start("--port", String(taken.port));
  const wrong = start("--preset", "huge");
  expect(await Promise.all([busy.exited, wrong.exited])).toEqual([1, 2]);
  expect(await new Response(busy.stderr).text()).toContain(`The parameter \`port\`:${taken.port} is already in use.`);
  expect(await new Response(wrong.stderr).text()).toContain("--preset wants one of");
  taken.stop(true);
});

test.each([
  [["--port", "70000"], "flag --port wants a port from 0 to 65535, not 70000"],
  [["--registration", "router"], 'flag --registration wants HOST:PORT, not "router"'],
  [["--registration", "router:0"], 'flag --registration wants HOST:PORT, not "router:0"'],
  [["--fault", "explode"], 'fault {"kind":"explode"} is not understood: kind: wanted one of fail'],
])("%j is refused before anything starts", (flags, message) => {
  expect(() => parseCommandLine(flags, {})).toThrow(message);
});

test("a mistyped flag is ignored as an unknown one of the real server, and the right one named", () => {
  expect(parseCommandLine(["--prot", "1"], {})).toMatchObject({ ignored: ['--prot; did you mean "--port"?'] });
});

test("the exit fault ends the process with its code", async () => {
  const child = start("--port", "0");
  const url = (await readyLine(child)).split(" ")[3] ?? "";
  await fetch(`${url}/mock/fault`, { method: "POST", body: `{"kind":"exit","code":7}` }).catch(() => {});
  expect(await child.exited).toBe(7);
});

test("help teaches with examples", async () => {
  const child = start("--help");
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  expect(text).toContain("Examples");
  expect(text).toContain("error-frame");
});
