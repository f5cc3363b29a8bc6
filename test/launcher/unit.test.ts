import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  createUnit,
  stepUnit,
  type Unit,
  type UnitEffect,
  type UnitEvent,
  type UnitLimits,
} from "../../src/launcher/unit.ts";

const LIMITS: UnitLimits = {
  startLimitMs: 1000,
  hangLimitMs: 500,
  drainMs: 300,
  graceMs: 200,
  restart: true,
  restartDelayMs: 100,
  restartDelayMaxMs: 350,
  crashLimit: 4,
  crashWindowMs: 10_000,
};

/** A unit with its clock; collects the effects of each event. */
class Run {
  unit: Unit;
  now = 0;
  readonly #limits: UnitLimits;

  constructor(size: number, limits: Partial<UnitLimits> = {}) {
    this.unit = createUnit(
      Array.from({ length: size }, (_, server) => `s${server}`),
      0,
    );
    this.#limits = { ...LIMITS, ...limits };
  }

  after(ms: number, event: UnitEvent = { kind: "tick" }): readonly UnitEffect[] {
    this.now += ms;
    const step = stepUnit(this.unit, event, this.now, this.#limits);
    this.unit = step.unit;
    return step.effects;
  }

  /** Started and healthy. */
  up(): this {
    this.after(0);
    for (let server = 0; server < this.unit.names.length; server++) this.after(0, { kind: "healthy", server });
    return this;
  }

  crash(server = 0): readonly UnitEffect[] {
    return this.after(0, { kind: "exited", server, how: "exited with status 1" });
  }

  allGone(): void {
    for (const server of this.unit.present) this.after(0, { kind: "gone", server });
  }

  get phase(): string {
    return this.unit.state.phase;
  }
}

describe("a unit's life", () => {
  test("it runs, and is registered, once every server has been healthy", () => {
    const run = new Run(2);
    expect(run.after(0)).toEqual(["start"]);
    expect(run.after(10, { kind: "healthy", server: 1 })).toEqual([]);
    expect(run.after(10, { kind: "healthy", server: 1 })).toEqual([]);
    expect(run.after(10, { kind: "healthy", server: 0 })).toEqual(["register"]);
    expect(run.phase).toBe("running");
  });

  test("one server's exit stops all of them, and all are started again after the pause", () => {
    const run = new Run(2).up();
    expect(run.crash(1)).toEqual(["leave", "terminate"]);
    run.after(10, { kind: "gone", server: 1 });
    expect(run.phase).toBe("stopping");
    run.after(10, { kind: "gone", server: 0 });
    expect(run.after(99)).toEqual([]);
    expect(run.after(1)).toEqual(["start"]);
  });

  test("an exit with status 0 is a crash too: FastDeploy exits so when loading failed", () => {
    const run = new Run(1);
    run.after(0);
    expect(run.after(0, { kind: "exited", server: 0, how: "exited with status 0" })).toEqual(["leave", "terminate"]);
    expect(run.unit.crashes).toHaveLength(1);
  });

  test("the pause doubles with each crash up to its limit", () => {
    const run = new Run(1);
    const pauses = [0, 1, 2].map(() => {
      run.up();
      run.crash();
      run.allGone();
      const { state } = run.unit;
      const pause = state.phase === "waiting" ? state.until - run.now : -1;
      run.now += pause;
      return pause;
    });
    expect(pauses).toEqual([100, 200, 350]);
  });

  test("it is given up at the crash limit, and only an operator starts it again", () => {
    const run = new Run(1, { crashLimit: 2 }).up();
    run.crash();
    run.allGone();
    run.now += 1000;
    run.up();
    run.crash();
    run.allGone();
    expect(run.phase).toBe("failed");
    expect(run.after(1e6)).toEqual([]);
    run.after(0, { kind: "restart" });
    expect(run.after(0)).toEqual(["start"]);
    expect(run.unit.crashes).toEqual([]);
  });

  test("crashes longer ago than the window do not count", () => {
    const run = new Run(1, { crashLimit: 2 });
    for (let crash = 0; crash < 5; crash++) {
      run.up();
      run.crash();
      run.allGone();
      run.now += 10_001;
    }
    expect(run.phase).toBe("waiting");
  });

  test("without restarts the first crash ends it", () => {
    const run = new Run(1, { restart: false }).up();
    run.crash();
    run.allGone();
    expect(run.phase).toBe("failed");
  });

  test("a server that is not healthy within the start limit is a crash", () => {
    const run = new Run(2);
    run.after(0);
    run.after(0, { kind: "healthy", server: 0 });
    expect(run.after(999)).toEqual([]);
    expect(run.after(1)).toEqual(["leave", "terminate"]);
    expect(run.unit.reason).toBe("s1 not healthy within 1 s");
  });

  test("a server without a good probe for the hang limit is restarted; a late good probe saves it", () => {
    const run = new Run(2).up();
    const miss = { kind: "unhealthy", server: 1 } as const;
    expect(run.after(499, miss)).toEqual([]);
    run.after(0, { kind: "healthy", server: 1 });
    expect(run.after(499, miss)).toEqual([]);
    expect(run.after(1, miss)).toEqual(["leave", "terminate"]);
    expect(run.unit.reason).toBe("s1 hangs: no good probe for 0.5 s");
  });

  test("one bad probe after a long time is no hang: the launcher itself may have been stopped", () => {
    const run = new Run(1).up();
    expect(run.after(60_000)).toEqual([]);
    expect(run.after(0, { kind: "unhealthy", server: 0 })).toEqual([]);
    expect(run.after(0, { kind: "healthy", server: 0 })).toEqual([]);
    expect(run.phase).toBe("running");
  });

  test("what outlives the grace time is killed, once", () => {
    const run = new Run(1).up();
    run.crash();
    expect(run.after(199)).toEqual([]);
    expect(run.after(1)).toEqual(["kill"]);
    expect(run.after(500)).toEqual([]);
  });

  test("a stop drains before it ends the servers", () => {
    const run = new Run(2).up();
    expect(run.after(0, { kind: "stop" })).toEqual(["drain"]);
    expect(run.after(10, { kind: "drained" })).toEqual(["terminate"]);
    run.allGone();
    expect(run.phase).toBe("stopped");
  });

  test("a drain that does not end is cut off at its limit", () => {
    const run = new Run(1).up();
    run.after(0, { kind: "stop" });
    expect(run.after(299)).toEqual([]);
    expect(run.after(1)).toEqual(["terminate"]);
    expect(run.after(0, { kind: "drained" })).toEqual([]);
  });

  test("a planned restart drains, starts at once, and is no crash", () => {
    const run = new Run(1).up();
    expect(run.after(0, { kind: "restart" })).toEqual(["drain"]);
    run.after(0, { kind: "drained" });
    run.crash();
    run.allGone();
    expect(run.after(0)).toEqual(["start"]);
    expect(run.unit.crashes).toEqual([]);
  });

  test("a stop during a restart wins", () => {
    const run = new Run(1).up();
    run.after(0, { kind: "restart" });
    run.after(0, { kind: "drained" });
    run.after(0, { kind: "stop" });
    run.allGone();
    expect(run.phase).toBe("stopped");
  });

  test("a stop at once kills, from any phase with processes", () => {
    for (const events of [[], ["restart"], ["restart", "drained"]] as const) {
      const run = new Run(1).up();
      for (const kind of events) run.after(0, { kind });
      expect(run.after(0, { kind: "stop-now" })).toEqual(["leave", "kill"]);
      run.allGone();
      expect(run.phase).toBe("stopped");
    }
  });
});

/** What can happen to a unit, as a program of one letter each. */
const happening = fc.oneof(
  fc.record({ what: fc.constantFrom("healthy", "exit", "gone"), server: fc.nat({ max: 3 }) }),
  fc.record({ what: fc.constantFrom("drained", "restart", "stop", "stop-now"), server: fc.constant(0) }),
  fc.record({ what: fc.constant("pass"), server: fc.nat({ max: 1500 }) }),
);

describe("whatever happens to a unit", () => {
  test("there are never more processes than planned, and every start begins with none", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(happening, { maxLength: 80 }), (size, happenings) => {
        const run = new Run(size);
        const living = new Set<number>();
        const exited = new Set<number>();
        const take = (effects: readonly UnitEffect[]): void => {
          if (!effects.includes("start")) return;
          expect([...living, ...exited]).toEqual([]);
          for (let server = 0; server < size; server++) living.add(server);
        };
        for (const { what, server } of happenings) {
          if (what === "pass") take(run.after(server));
          else if (what === "healthy" && living.has(server)) take(run.after(0, { kind: "healthy", server }));
          else if (what === "exit" && living.delete(server)) {
            exited.add(server);
            take(run.after(0, { kind: "exited", server, how: "exited" }));
          } else if (what === "gone" && exited.delete(server)) take(run.after(0, { kind: "gone", server }));
          else if (what === "drained" || what === "restart" || what === "stop" || what === "stop-now") {
            take(run.after(0, { kind: what }));
          }
          expect(run.unit.present).toEqual(new Set([...living, ...exited]));
        }
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  test("without an operator's restart, starts within the window are at most the crash limit", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 60 }), (pauses) => {
        const run = new Run(1);
        let starts = 0;
        for (const pause of pauses) {
          if (run.after(pause).includes("start")) starts++;
          if (run.unit.present.size > 0) run.crash();
          run.allGone();
        }
        expect(starts).toBeLessThanOrEqual(LIMITS.crashLimit + Math.floor(run.now / LIMITS.crashWindowMs));
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  test("after a stop it comes to rest, if processes die when they are killed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(happening, { maxLength: 40 }), (size, happenings) => {
        const run = new Run(size);
        for (const { what, server } of happenings) {
          if (what === "pass" && run.after(server).includes("kill")) run.allGone();
          else if (what === "healthy" && run.unit.present.has(server)) run.after(0, { kind: "healthy", server });
          else if (what === "exit" && run.unit.present.has(server)) run.crash(server);
          else if (what === "restart" || what === "drained") run.after(0, { kind: what });
        }
        run.after(0, { kind: "stop" });
        for (let step = 0; step < 20; step++) if (run.after(100).includes("kill")) run.allGone();
        expect(["stopped", "failed"]).toContain(run.phase);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
