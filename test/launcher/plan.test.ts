import { describe, expect, test } from "bun:test";
import { commandsOf, HOST, planOf, problemOf } from "../support/launcher/plan-input.ts";

/** The documented example of multi_api_server, and the children that it starts. */
const EXAMPLE =
  '--ports "8180,8181" --num-servers 2 --metrics-ports "8280,8281" --args --model baidu/ERNIE-4.5-21B-A3B-Paddle ' +
  "--tensor-parallel-size 1 --data-parallel-size 2 --max-model-len 32768 --max-num-seqs 64 " +
  '--router "10.10.0.5:30000" --engine-worker-queue-port "25611,25621"';
const EXAMPLE_CHILD =
  "python -m fastdeploy.entrypoints.openai.api_server --model baidu/ERNIE-4.5-21B-A3B-Paddle " +
  "--tensor-parallel-size 1 --data-parallel-size 2 --max-model-len 32768 --max-num-seqs 64 " +
  "--router 10.10.0.5:30000 --engine-worker-queue-port 25611,25621 --cache-queue-port 41001,41003 " +
  "--pd-comm-port 41005,41007 --rdma-comm-ports 41009,41011 ";

describe("a line of multi_api_server", () => {
  test("gives FastDeploy's children to the byte", () => {
    expect(commandsOf(planOf(EXAMPLE))).toEqual([
      `${EXAMPLE_CHILD}--port 8180 --controller-port -1 --local-data-parallel-id 0 --metrics-port 8280`,
      `${EXAMPLE_CHILD}--port 8181 --controller-port -1 --local-data-parallel-id 1 --metrics-port 8281`,
    ]);
  });

  test("gives one unit, since the ranks of one engine live and die together", () => {
    expect(planOf(EXAMPLE).units.map((unit) => unit.servers.map((server) => server.name))).toEqual([
      ["server-0", "server-1"],
    ]);
  });

  test("sets the children's environment as FastDeploy does", () => {
    const environments = (environment: Record<string, string>): unknown =>
      planOf(EXAMPLE, { ...HOST, environment }).units[0]?.servers.map((server) => server.environment);
    expect(environments({ CUDA_VISIBLE_DEVICES: "0,1" })).toEqual([
      { FD_ENABLE_MULTI_API_SERVER: "1", FD_LOG_DIR: "log/log_0" },
      { FD_ENABLE_MULTI_API_SERVER: "1", FD_LOG_DIR: "log/log_1" },
    ]);
    const more = { CUDA_VISIBLE_DEVICES: "0,1", FD_LOG_DIR: "log_server", PROMETHEUS_MULTIPROC_DIR: "/tmp/prom" };
    expect(environments(more)).toEqual([
      { FD_ENABLE_MULTI_API_SERVER: "1", FD_LOG_DIR: "log_server/log_0", PROMETHEUS_MULTIPROC_DIR: "/tmp/prom_dp0" },
      { FD_ENABLE_MULTI_API_SERVER: "1", FD_LOG_DIR: "log_server/log_1", PROMETHEUS_MULTIPROC_DIR: "/tmp/prom_dp1" },
    ]);
  });

  test("the folders of PROMETHEUS_MULTIPROC_DIR are to be made", () => {
    const environment = { CUDA_VISIBLE_DEVICES: "0,1", PROMETHEUS_MULTIPROC_DIR: "/tmp/prom" };
    expect(planOf(EXAMPLE, { ...HOST, environment }).folders).toEqual(["/tmp/prom_dp0", "/tmp/prom_dp1"]);
  });

  test("registers each rank with its own part of every list", () => {
    const line = '--ports 1,2 --args --tensor-parallel-size 2 --data-parallel-size 2 --rdma-comm-ports "11,12,13,14"';
    const host = { ...HOST, environment: { CUDA_VISIBLE_DEVICES: "4,5,6,7" } };
    expect(planOf(line, host).units[0]?.servers[1]?.registration).toEqual({
      role: "mixed",
      port: 2,
      metrics_port: 2,
      engine_worker_queue_port: 41_003,
      connector_port: 41_011,
      rdma_ports: [13, 14],
      transfer_protocol: ["ipc", "rdma"],
      tp_size: 2,
      device_ids: ["6", "7"],
      weight: 1,
    });
  });

  test("reads role and transfer protocol from the servers' arguments", () => {
    const line = "--ports 1,2 --args --data-parallel-size 2 --splitwise-role decode --cache-transfer-protocol rdma";
    expect(planOf(line).units[0]?.servers[0]?.registration).toMatchObject({
      role: "decode",
      transfer_protocol: ["rdma"],
    });
  });

  test("takes its defaults from FastDeploy: two servers on 8000 and 8002, no metrics and controller ports", () => {
    const commands = commandsOf(planOf("--args --model m --data-parallel-size 2"));
    expect(commands[0]).toEndWith("--port 8000 --controller-port -1 --local-data-parallel-id 0");
    expect(commands[1]).toEndWith("--port 8002 --controller-port -1 --local-data-parallel-id 1");
  });

  test("passes controller ports on, and blanks after commas do no harm", () => {
    const commands = commandsOf(planOf('--ports "1, 2" --controller-ports "3, 4" --args --data-parallel-size 2'));
    expect(commands[1]).toEndWith("--port 2 --controller-port 4 --local-data-parallel-id 1");
  });

  test("a list given with an equals sign counts as given", () => {
    const [command] = commandsOf(planOf("--ports 1,2 --args --cache-queue-port=21,22 --data-parallel-size 2"));
    expect(command).toContain("--cache-queue-port=21,22");
    expect(command).not.toContain("--cache-queue-port 4");
  });

  test("tells of the ports that it chose, in FastDeploy's words", () => {
    expect(planOf(EXAMPLE).notes).toContain("No --pd-comm-port specified, using random ports: [41005, 41007]");
  });

  test("claims every port that the user named, and hands none of them out", () => {
    const plan = planOf("--ports 41001,41003 --args --data-parallel-size 2 --engine-worker-queue-port 41005,41007");
    expect(plan.claims.map(({ flag, port }) => `${flag} ${port}`)).toEqual([
      "--ports 41001",
      "--ports 41003",
      "--engine-worker-queue-port 41005",
      "--engine-worker-queue-port 41007",
    ]);
    expect(commandsOf(plan)[0]).toContain("--cache-queue-port 41009,41011");
  });
});

describe("independent replicas", () => {
  const line = "--kind replicas --num-servers 2 --ports 1,2 --gpus 0,1,2,3 --args --tensor-parallel-size 2";

  test("get their own ports and GPUs, and no rank", () => {
    expect(commandsOf(planOf(line))).toEqual([
      "python -m fastdeploy.entrypoints.openai.api_server --tensor-parallel-size 2 --engine-worker-queue-port 41001 " +
        "--cache-queue-port 41005 --pd-comm-port 41009 --rdma-comm-ports 41013,41015 --port 1 --controller-port -1",
      "python -m fastdeploy.entrypoints.openai.api_server --tensor-parallel-size 2 --engine-worker-queue-port 41003 " +
        "--cache-queue-port 41007 --pd-comm-port 41011 --rdma-comm-ports 41017,41019 --port 2 --controller-port -1",
    ]);
  });

  test("are units of their own, each shown its GPUs only, without FD_ENABLE_MULTI_API_SERVER", () => {
    const servers = planOf(line).units.map((unit) => unit.servers);
    expect(servers.map((one) => one.length)).toEqual([1, 1]);
    expect(servers[1]?.[0]?.environment).toEqual({ FD_LOG_DIR: "log/log_1", CUDA_VISIBLE_DEVICES: "2,3" });
  });

  test("split the lists that the user gives", () => {
    const [, second] = commandsOf(planOf(`${line} --cache-queue-port=31,32 --rdma-comm-ports 51,52,53,54`));
    expect(second).toContain("--cache-queue-port=32 --rdma-comm-ports 53,54");
  });
});

describe("--command", () => {
  test("replaces the placeholders and adds the arguments", () => {
    const line =
      '--ports 1,2 --metrics-ports 3,4 --command "prog --p={port} -m {metrics_port} {index} {other}" --args -v';
    expect(commandsOf(planOf(line))).toEqual(["prog --p=1 -m 3 0 '{other}' -v", "prog --p=2 -m 4 1 '{other}' -v"]);
  });

  test("shares the GPUs out when they are asked for", () => {
    const servers = planOf("--ports 1,2 --gpus 0,1,2,3 --command 'prog {gpus}'").units.map((unit) => unit.servers[0]);
    expect(servers.map((server) => server?.command[1])).toEqual(["0,1", "2,3"]);
    expect(servers.map((server) => server?.environment["CUDA_VISIBLE_DEVICES"])).toEqual(["0,1", "2,3"]);
  });

  test("needs no GPU and no list when nothing asks for one", () => {
    const plan = planOf("--num-servers 3 --ports 1,2,3 --command prog", { ...HOST, environment: {} });
    expect(plan.units.map((unit) => unit.name)).toEqual(["server-0", "server-1", "server-2"]);
  });

  test("with --kind data-parallel is one unit", () => {
    expect(planOf("--ports 1,2 --kind data-parallel --command prog").units).toHaveLength(1);
  });
});

describe("bad input is named with its flag and value", () => {
  const none = { ...HOST, environment: {} };
  const cases: readonly (readonly [line: string, message: string, host?: typeof HOST])[] = [
    ["--ports 1,2,3 --args", "--ports 1,2,3: Number of ports must match num-servers (3 given, 2 wanted)"],
    ["--metrics-ports 5 --args", "--metrics-ports 5: Number of ports must match num-servers (1 given, 2 wanted)"],
    ["--ports 1,x --args", '--ports 1,x: "x" is not a port from 1 to 65535'],
    ["--ports 0,70000 --args", '--ports 0,70000: "0" is not a port from 1 to 65535'],
    ["--ports 7,7 --args", "--ports 7: Port 7 is already given to --ports"],
    ["--ports 7,8 --metrics-ports 9,8 --args", "--metrics-ports 8: Port 8 is already given to --ports"],
    ["--args --cache-queue-port 5", "--cache-queue-port 5: Number of ports must match num-servers (1 given, 2 wanted)"],
    [
      "--args --rdma-comm-ports 5,6,7",
      "--rdma-comm-ports 5,6,7: Number of ports must match number of devices (3 given, 2 wanted)",
    ],
    ["--args --pd-comm-port 5,y", '--pd-comm-port 5,y: "y" is not a port from 1 to 65535'],
    ["--args --splitwise-role both", "--splitwise-role both: wanted mixed, prefill, decode"],
    [
      "--args --model m",
      "Please manually set CUDA_VISIBLE_DEVICES when launching multi-api-server, or give --gpus",
      none,
    ],
    ["--args --tensor-parallel-size 2", "CUDA_VISIBLE_DEVICES 0,1: too few GPUs for 2 servers (2 there, 4 wanted)"],
    ["--gpus 0,0 --args", "--gpus 0,0: GPU 0 is given twice"],
    ["--gpus 0,9 --args", "--gpus 0,9: GPU 9 is not there; this host has 8", { ...HOST, gpuCount: 8 }],
    ["--command prog --gpus 1 --num-servers 2", "--gpus 1: too few GPUs for 2 servers (1 there, 2 wanted)"],
    ["--command 'prog \"x'", `--command prog "x: has an unclosed "`],
    ["--command ''", '--command "": names no program'],
    ["--num-servers two", "--num-servers two: wanted a whole number from 1 to 1024"],
    ["--num-servers 0", "--num-servers 0: wanted a whole number from 1 to 1024"],
    ["--weight 500", "--weight 500: wanted a number from 0.01 to 100"],
    ["--max-in-flight 0.5", "--max-in-flight 0.5: wanted a whole number from 1 to 1000000"],
    ["--log-max-mib 0", "--log-max-mib 0: wanted a number above 0"],
    ["--log-keep=-1", "--log-keep -1: wanted a whole number of at least 0"],
    ["--health-path x", '--health-path x: wanted a path that begins with "/"'],
    ["--kind pairs", "--kind pairs: wanted one of data-parallel, replicas"],
    ["--restart alway", '--restart alway: wanted one of always, never; did you mean "always"?'],
    ["--router here", "--router here: wanted HOST:PORT"],
    ["--fleet f.yaml --ports 1,2", "--ports: not together with --fleet; wanted in f.yaml"],
    ["--fleet f.yaml --args --x", "--args: not together with --fleet; wanted in f.yaml"],
  ];
  for (const [line, message, host = HOST] of cases) {
    test(line, () => expect(problemOf(line, host)).toBe(message));
  }
});
