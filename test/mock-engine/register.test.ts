import { describe, expect, test } from "bun:test";
import { mockEngineOptions, parseCommandLine, type MockEngineOptions } from "../../src/mock-engine/options.ts";
import {
  HttpRegistrar,
  ownHostIp,
  pauseAfterBeatMs,
  registerPayload,
  type SendResult,
} from "../../src/mock-engine/register-http.ts";
import { msgpackFields } from "../../src/mock-engine/registration.ts";

const OWN = { hostIp: "10.10.0.21", port: 1822, metricsPort: 3201, connectorPort: 42173 };

function options(flags: string, env: { readonly [name: string]: string } = {}): MockEngineOptions {
  const parsed = parseCommandLine(flags.split(" "), env);
  if (parsed.kind !== "run") throw new Error("wanted options");
  return parsed.options;
}

describe("payload", () => {
  const rank1 = options(
    "--local-data-parallel-id 1 --engine-worker-queue-port 25611,25621 --rdma-comm-ports=38111,38121 --data-parallel-size 8",
    { CUDA_VISIBLE_DEVICES: "4,5,6,7" },
  );

  test("is the real one of the version that was asked for", () => {
    const base = {
      role: "mixed",
      host_ip: "10.10.0.21",
      port: 1822,
      connector_port: 42173,
      rdma_ports: [38121],
      engine_worker_queue_port: 25621,
      device_ids: ["5"],
      transfer_protocol: ["ipc", "rdma"],
    };
    const released = { ...base, metrics_port: 3201, tp_size: 1 };
    expect(registerPayload({ ...rank1, payloadVersion: "2.3" }, OWN, false)).toEqual(base);
    expect(registerPayload({ ...rank1, payloadVersion: "2.5" }, OWN, false)).toEqual(released);
    const dev = { ...released, is_paused: true, version: "v1", connected_decodes: [] };
    expect(registerPayload({ ...rank1, payloadVersion: "dev" }, OWN, true)).toEqual(dev);
  });

  test("over msgpack it also has weight, model and process identity", () => {
    const fields = msgpackFields({ ...rank1, weight: 2, servedModelName: "ernie" }, OWN);
    expect(fields).toMatchObject({ host_ip: "10.10.0.21", port: 1822, tp_size: 1, weight: 2, model: "ernie" });
    expect(fields.boot_id).toStartWith(`${process.pid}-`);
  });

  test("host_ip is the advertised one, else the address that is listened on", async () => {
    expect(await ownHostIp(mockEngineOptions({ advertiseHost: "192.0.2.1" }))).toBe("192.0.2.1");
    expect(await ownHostIp(mockEngineOptions({ host: "127.0.0.1" }))).toBe("127.0.0.1");
    expect(await ownHostIp(mockEngineOptions({ host: "localhost" }))).toBe("127.0.0.1");
  });
});

describe("registrar", () => {
  test("asks its own health first, then posts, beat after beat", async () => {
    const { beats, sent, logged } = registrar({
      "/health": { status: 200, text: "" },
      "/register": { status: 200, text: "" },
    });
    await beats.beat();
    await beats.beat();
    const round = ["GET http://10.10.0.21:1822/health ", `POST http://router:9000/register {"role":"mixed"}`];
    expect(sent).toEqual([...round, ...round]);
    expect(logged).toEqual(["Register to router successfully"]);
  });

  test("does not post while its health is not exactly 200", async () => {
    for (const answers of [{}, { "/health": { status: 404, text: "" } }, { "/health": { status: 204, text: "" } }]) {
      const { beats, sent, logged } = registrar(answers);
      await beats.beat();
      expect(sent).toHaveLength(1);
      expect(logged).toEqual(["Wait for API service health and then register to router"]);
    }
  });

  test("beats for ever, but with --register-once only until it has succeeded", () => {
    const ever = options("--router r:1");
    const once = options("--router r:1 --register-once");
    expect([pauseAfterBeatMs(ever, false), pauseAfterBeatMs(ever, true)]).toEqual([5000, 5000]);
    expect([pauseAfterBeatMs(once, false), pauseAfterBeatMs(once, true)]).toEqual([5000, null]);
  });

  test("logs a refusal with the router's words, and goes on", async () => {
    const { beats, logged } = registrar({
      "/health": { status: 200, text: "" },
      "/register": { status: 400, text: "no" },
    });
    await beats.beat();
    expect(logged).toEqual([`Send server info to router failed: 400, no, {"role":"mixed"}`]);
    expect(beats.registered).toBe(false);
  });
});

describe("command line", () => {
  test("takes both forms of a flag, and ignores what it does not know", () => {
    const parsed = parseCommandLine(
      ["--port=81", "--max-num-seqs", "7", "--quantization", "wint4", "--controller-port", "-1"],
      {},
    );
    expect(parsed).toMatchObject({
      kind: "run",
      options: { port: 81, maxNumSeqs: 7 },
      ignored: ["--quantization", "--controller-port"],
    });
  });

  test("what it ignores comes with what was probably meant", () => {
    const parsed = parseCommandLine(["--time-scal", "5"], {});
    expect(parsed).toMatchObject({ ignored: ['--time-scal; did you mean "--time-scale"?'] });
  });

  test("a preset sets slots and blocks, flags win over it", () => {
    expect(options("--preset moe-300b")).toMatchObject({ maxNumSeqs: 64, blocks: 2000 });
    expect(options("--preset moe-300b --num-gpu-blocks-override 99")).toMatchObject({ blocks: 99 });
  });

  test("a wrong value is refused with flag, value and wish", () => {
    expect(() => options("--preset huge")).toThrow('flag --preset wants one of small, moe-21b, moe-300b, not "huge"');
    expect(() => options("--port x")).toThrow('flag --port wants a number, not "x"');
    expect(() => options("--port")).toThrow("flag --port wants a value");
  });

  test("under multi_api_server fewer requests are let in at once", () => {
    expect(options("--port 1", { FD_ENABLE_MULTI_API_SERVER: "1" }).maxConcurrency).toBe(512);
    expect(options("--port 1").maxConcurrency).toBe(2048);
  });
});

function registrar(answers: { readonly [path: string]: SendResult }) {
  const sent: string[] = [];
  const logged: string[] = [];
  const beats = new HttpRegistrar("router:9000", OWN, {
    payload: () => ({ role: "mixed" }),
    log: (line) => void logged.push(line),
    send: (url, { method, body = "" }) => {
      sent.push(`${method} ${url} ${body}`);
      const answer = answers[new URL(url).pathname];
      return answer === undefined ? Promise.reject(new Error("refused")) : Promise.resolve(answer);
    },
  });
  return { beats, sent, logged };
}
