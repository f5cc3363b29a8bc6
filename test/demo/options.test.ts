import { describe, expect, test } from "bun:test";
import { demoHelp, readDemoOptions as readOptions, type DemoOptions } from "../../src/demo/options.ts";
import { UsageError } from "../../src/demo/usage-error.ts";

const readDemoOptions = (args: readonly string[]): DemoOptions | null =>
  readOptions(args, ["p2c", "random", "round_robin", "request_num"]);

test("without flags compares p2c, random and round_robin on 8 instances", () => {
  expect(readDemoOptions([])).toEqual({
    trace: null,
    policies: ["p2c", "random", "round_robin"],
    instances: 8,
    workers: 2,
    load: 0.85,
    durationMs: 12_000,
    timeScale: 5,
    seed: 1,
    router: null,
    json: false,
  });
});

test("flags are taken with a blank or an equals sign", () => {
  const options = readDemoOptions(["--policies", "p2c,request_num", "--duration-secs=0.5", "--json", "--seed", "7"]);
  expect(options).toMatchObject({ policies: ["p2c", "request_num"], durationMs: 500, json: true, seed: 7 });
});

describe("--router", () => {
  test("takes the router as it is: one replay, at real time", () => {
    const options = readDemoOptions(["--router", "127.0.0.1:8080"]);
    expect(options).toMatchObject({ policies: ["router"], timeScale: 1 });
    expect(options?.router?.origin).toBe("http://127.0.0.1:8080");
  });

  test("may have mock engines that run faster", () => {
    expect(readDemoOptions(["--router", "http://[::1]:8080", "--time-scale", "10"])?.timeScale).toBe(10);
  });
});

describe("wrong flags are refused with the flag, the value and what is wanted", () => {
  const cases: [args: string[], message: RegExp][] = [
    [["--instances", "0"], /^--instances is "0": expected a whole number from 1 to 256$/],
    [["--instances", "many"], /^--instances is "many": expected a whole number/],
    [["--workers", "1.5"], /^--workers is "1.5": expected a whole number/],
    [["--load", "-1"], /--load/],
    [["--load", ""], /^--load is "": /],
    [["--time-scale", "1e9"], /^--time-scale is "1e9": expected a number from 0.1 to 100$/],
    [["--policies", "p2c,,random"], /^--policies has "": expected names out of p2c, random, round_robin, request_num$/],
    [["--policies", "p2c,p2c"], /^--policies is "p2c,p2c": expected each name once$/],
    [["--policies", "rond_robin"], /^--policies has "rond_robin": .*; did you mean "round_robin"\?$/],
    [["--router", "http://h:1/path"], /^--router is "http:\/\/h:1\/path": expected a URL/],
    [["--router", "http://h:99999"], /^--router is "http:\/\/h:99999": expected a URL/],
    [["--nonsense"], /^unknown flag --nonsense$/],
    [["--polices=p2c"], /^unknown flag --polices; did you mean "--policies"\?$/],
    [["left over"], /left over/],
    [["--trace"], /trace/],
  ];
  for (const [args, message] of cases) {
    test(args.join(" "), () => {
      expect(() => readDemoOptions(args)).toThrow(UsageError);
      expect(() => readDemoOptions(args)).toThrow(message);
    });
  }
});

describe("help", () => {
  test("is asked for by --help and -h", () => {
    expect(readDemoOptions(["--help"])).toBeNull();
    expect(readDemoOptions(["-h", "--instances", "0"])).toBeNull();
  });

  test("names every flag with its default", () => {
    expect(demoHelp("fd-router")).toMatchSnapshot();
  });
});
