/** `fd-router mock-engine --help`: teaches by example. */
import { programName } from "../lib/program-name.ts";
import { FAULT_HELP } from "./faults.ts";

export function mockEngineHelp(): string {
  const program = programName();
  return `Usage: ${program} mock-engine [flags]

A FastDeploy server without a GPU. It speaks the real server's API, counts tokens, batches, caches prefixes, fills its KV cache and
takes its time as a real one would, registers with a router, and breaks when told to.

${examples(program)}

${FLAGS}

${faults()}

Environment: CUDA_VISIBLE_DEVICES (device_ids), FD_ENABLE_MULTI_API_SERVER, FD_API_KEY, FD_LOG_DIR (writes api_server.log there).
SIGTERM and SIGINT: the port closes, requests under way end, exit 0; a second SIGTERM ends at once.
`;
}

function examples(program: string): string {
  return `Examples
  ${program} mock-engine --port 8101
      one engine; try: curl -s localhost:8101/v1/chat/completions -d '{"messages":[{"role":"user","content":"hi"}],"max_tokens":8}'
  ${program} mock-engine --port 0 --preset moe-300b --time-scale 10
      a slow model, ten times faster than real time, on a free port (printed)
  ${program} mock-engine --port 8102 --router 127.0.0.1:9000
      registers as FastDeploy does: POST /register every 5 s
  ${program} mock-engine --port 8103 --registration 127.0.0.1:9001 --weight 2
      registers over msgpack and pushes its load when it changes
  ${program} mock-engine --port 8104 --fault slow:factor=5 --fault fail:status=503,share=0.1
      five times too slow, and every tenth request fails
  curl -s localhost:8104/mock/fault -d '{"kind":"cut","after":20,"count":3}'
      the next three streams break after 20 events; {"kind":"none"} ends all faults
  curl -s localhost:8104/mock/state
      counters: received, running, waiting, queued, completed, aborted, open_streams, cached_tokens, ...
  ${program} mock-engine --port 8105 --splitwise-role prefill --router 127.0.0.1:9000
  ${program} mock-engine --port 8106 --splitwise-role decode --router 127.0.0.1:9000
      a prefill/decode pair for a router in splitwise mode; the decode side waits for its prefill half as a real one does`;
}

const FLAGS = `Flags of the real server (--flag value or --flag=value; others that it has are accepted and ignored)
  --host 0.0.0.0  --port 8000 (0: a free one)  --metrics-port P (default: on the API port)
  --model NAME  --served-model-name NAME  --api-key KEY (repeatable)
  --max-model-len 32768  --max-num-seqs N (preset)  --max-num-batched-tokens 8192  --num-gpu-blocks-override N (preset)
  --no-enable-prefix-caching  --max-concurrency 2048  --timeout-graceful-shutdown 0 (s, 0: no limit)
  --splitwise-role mixed|prefill|decode  --pd-comm-port P[,P..]  --rdma-comm-ports P[,P..]  --cache-transfer-protocol ipc,rdma
  --tensor-parallel-size 1  --local-data-parallel-id 0  --engine-worker-queue-port P[,P..]
  --router HOST:PORT      registers over HTTP, heartbeat every 5 s

Flags of the mock
  --preset small|moe-21b|moe-300b     timing, slots and KV blocks of a model
  --time-scale 1          simulated time runs so many times faster
  --seed 1                output text and length follow from seed, prompt and choice
  --mean-output-tokens 128            length of answers that max_tokens does not end; "ignore_eos": true always fills max_tokens
  --load-secs 0           the port stays closed so long; --load-fail: then exit 0, as a real server whose model is broken
  --advertise-host IP     host_ip to register with (default: 127.0.0.1 on a loopback host)
  --register-once         one successful POST /register, then none, as some releases do
  --register-interval-secs 5          0 floods, as releases before January 2026 did
  --register-version 2.3|2.5|dev      release whose payload and PD pre-emption it shows (dev)
  --registration HOST:PORT            msgpack registration; --registration-token TOKEN; --weight 1
  --fault KIND[:key=value,..]         repeatable; at run time POST the same as JSON to /mock/fault`;

function faults(): string {
  const lines = Object.entries(FAULT_HELP).map(([kind, text]) => `  ${kind.padEnd(18)} ${text}`);
  return `Faults (count=K: the next K requests, share=P: that part of requests; {"kind":K,"off":true} ends one)\n${lines.join("\n")}`;
}
