#!/usr/bin/env bun
/** What one request costs the scheduler: assign, first token and settle. `bun bench/micro/scheduler.ts [--json] [policy...]`. */
import { createRandom, randomIndex } from "../../src/lib/random.ts";
import type { Assignment } from "../../src/scheduler/assignment.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { POLICY_NAMES } from "../../src/scheduler/policies/index.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { fleet, NONE, request } from "../../test/scheduler/support.ts";

const SIZES = [16, 64, 512, 4000];
/** Dispatchers, of which one is measured; the others' digests are in its accounts. */
const DISPATCHERS = [1, 8];
const ROUNDS = 40;
const PER_ROUND = 2000;
const IN_FLIGHT_PER_INSTANCE = 4;
const SHAPE = request({ promptTokens: 500 });

interface Cost {
  readonly policy: string;
  readonly dispatchers: number;
  readonly size: number;
  readonly medianNs: number;
  readonly p99Ns: number;
}

const asJson = process.argv.includes("--json");
const named = process.argv.slice(2).filter((word) => word !== "--json");
const policies = POLICY_NAMES.filter((name) => (named.length === 0 ? name === "p2c" : named.includes(name)));

// Compiles what is measured below.
for (const policy of policies) measure(policy, 64, 2);
const costs: Cost[] = [];
if (!asJson)
  console.log("ns per assign + firstToken + settle; p99 is of single assigns, the clock's own cost included");
for (const policy of policies) {
  for (const dispatchers of DISPATCHERS) {
    for (const size of SIZES) {
      const cost = measure(policy, size, dispatchers);
      costs.push(cost);
      if (!asJson) console.log(line(cost));
    }
  }
}
if (asJson) console.log(JSON.stringify(costs));

function measure(policy: (typeof POLICY_NAMES)[number], size: number, dispatchers: number): Cost {
  const options = schedulerOptions.parse({ policy });
  const scheduler = new Scheduler({ name: "measured", options, random: createRandom(1) });
  scheduler.update(fleet(size), 0);
  scheduler.setDispatchers(0, dispatchers);
  const open: Assignment[] = [];
  const random = createRandom(2);
  const single: number[] = [];
  let now = 0;
  const assign = (): void => {
    now += 0.1;
    const result = scheduler.assign(SHAPE, NONE, now);
    if (result.ok) open.push(result.assignment);
  };
  const settle = (): void => {
    const index = randomIndex(random, open.length);
    const ended = open[index];
    const last = open.pop();
    if (last !== undefined && index < open.length) open[index] = last;
    ended?.firstToken(now);
    ended?.settle({ kind: "completed", usage: null }, now);
  };
  while (open.length < size * IN_FLIGHT_PER_INSTANCE) assign();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = Bun.nanoseconds();
    for (let i = 0; i < PER_ROUND; i++) {
      assign();
      settle();
    }
    rounds.push((Bun.nanoseconds() - started) / PER_ROUND);
  }
  for (let i = 0; i < ROUNDS * 500; i++) {
    const started = Bun.nanoseconds();
    assign();
    single.push(Bun.nanoseconds() - started);
    settle();
  }
  return { policy, dispatchers, size, medianNs: quantile(rounds, 0.5), p99Ns: quantile(single, 0.99) };
}

function line({ policy, dispatchers, size, medianNs, p99Ns }: Cost): string {
  return (
    `${policy.padEnd(24)} ${String(dispatchers).padStart(2)} dispatchers ${String(size).padStart(5)} instances` +
    `  median${cell(medianNs)}  assign p99${cell(p99Ns)}`
  );
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

function cell(value: number): string {
  return value.toFixed(0).padStart(7);
}
