import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FLAGS, parseFlags } from "../../src/config/flags.ts";
import type { ParsedFlags } from "../../src/config/flags.ts";

function parse(...args: readonly string[]): ParsedFlags {
  const result = parseFlags(args);
  if (result.kind !== "parsed") throw new Error(JSON.stringify(result));
  return result;
}

const valueOf = (flags: ParsedFlags, path: string): unknown => flags.values.get(path)?.value;

describe("Go's flag syntax", () => {
  test.each([
    [["--port", "8080"]],
    [["-port", "8080"]],
    [["--port=8080"]],
    [["-port=8080"]],
    [["--port=1", "--port", "8080"]],
  ])("%j sets the port", (args) => {
    expect(valueOf(parse(...args), "server.port")).toBe("8080");
  });

  test("a value may begin with a dash", () => {
    expect(valueOf(parse("--port", "-1"), "server.port")).toBe("-1");
    expect(valueOf(parse("--port", "--splitwise"), "server.port")).toBe("--splitwise");
  });

  test("an empty value counts as not given, and takes an earlier one back", () => {
    expect(parse("--port=").values.size).toBe(0);
    expect(parse("--port", "1", "--port", "").values.size).toBe(0);
    expect(parse("--config_path=").configFile).toBeNull();
  });

  test.each(["1", "t", "T", "true", "TRUE", "True"])("--splitwise=%s is on", (text) => {
    expect(valueOf(parse(`--splitwise=${text}`), "server.splitwise")).toBe(true);
  });

  test.each(["0", "f", "F", "false", "FALSE", "False"])("--splitwise=%s is off", (text) => {
    expect(valueOf(parse(`--splitwise=${text}`), "server.splitwise")).toBe(false);
  });

  test.each([
    [["--port", "1", "--", "--splitwise"], ["--splitwise"]],
    [
      ["--port", "1", "extra", "--splitwise"],
      ["extra", "--splitwise"],
    ],
    [["--splitwise", "false"], ["false"]],
    [["-"], ["-"]],
    [["--port", "1", ""], [""]],
  ])("flags of %j end where %j begins", (args, rest) => {
    expect(parse(...args).rest).toEqual(rest);
  });

  test.each([
    [["-nope", "x"], "flag provided but not defined: -nope"],
    [["--port"], "flag needs an argument: -port"],
    [["--config_path"], "flag needs an argument: -config_path"],
    [["--splitwise=maybe"], 'invalid boolean value "maybe" for -splitwise: parse error'],
    [["--splitwise="], 'invalid boolean value "" for -splitwise: parse error'],
    [["--splitwise=yes"], 'invalid boolean value "yes" for -splitwise: parse error'],
    [["---port", "1"], "bad flag syntax: ---port"],
    [["--=x"], "bad flag syntax: --=x"],
    [["-=x"], "bad flag syntax: -=x"],
    [["--workers", "x"], 'invalid value "x" for flag -workers: parse error'],
    [["--workers="], 'invalid value "" for flag -workers: parse error'],
    [["--port", "1", "--splitwise", "--nope"], "flag provided but not defined: -nope"],
  ])("%j is refused: %s", (args, message) => {
    expect(parseFlags(args)).toMatchObject({ kind: "error", message });
  });

  test.each([[["-h"]], [["--help"]], [["-help"]], [["--help=true"]], [["--port", "1", "-h", "--nope"]]])(
    "%j asks for help",
    (args) => {
      expect(parseFlags(args).kind).toBe("help");
    },
  );

  test("the first mistake wins over a later -h", () => {
    expect(parseFlags(["--nope", "-h"]).kind).toBe("error");
  });

  test("-V, --version and --version=false", () => {
    expect(parse("-V").version).toBe(true);
    expect(parse("--version", "--port", "1").version).toBe(true);
    expect(parse("-V=1", "--version=false").version).toBe(false);
  });
});

describe("our own flags", () => {
  test("a value out of range says what was wanted", () => {
    expect(parseFlags(["--workers=-3"])).toMatchObject({
      kind: "error",
      message: 'invalid value "-3" for flag -workers: server.workers is -3, wanted a whole number from 0 to 1024',
    });
  });

  test("an unknown choice names the nearest one", () => {
    const result = parseFlags(["--policy", "power_of_tow"]);
    expect(result).toMatchObject({ kind: "error", message: expect.stringContaining('did you mean "power_of_two"?') });
  });

  test.each([
    ["--prot", "--port"],
    ["--config-path", "--config_path"],
    ["-v", "--V"],
    ["--request-timeout", "--request-timeout-secs"],
  ])("%s is unknown and %s near", (wrong, right) => {
    expect(parseFlags([wrong])).toMatchObject({ kind: "error", hint: `did you mean ${right}?` });
  });
});

describe("flags of the Python router", () => {
  test("all are accepted; those without effect are warned of", () => {
    const args =
      "--host 127.0.0.1 --port 9000 --splitwise --request-timeout-secs 1800 --preempt-retry-count 3 --preempt-retry-exclude-decode --config router.yaml";
    const flags = parse(...args.split(" "));
    expect(Object.fromEntries([...flags.values].map(([path, { value }]) => [path, value]))).toEqual({
      "server.host": "127.0.0.1",
      "server.port": "9000",
      "server.splitwise": true,
      "server.request-timeout-secs": 1800,
    });
    expect(flags.configFile).toEqual({ path: "router.yaml", layout: "any" });
    expect(flags.warnings).toHaveLength(2);
  });
});

test("whatever the arguments, the answer is one of three and nothing is thrown", () => {
  const piece = fc.constantFrom(...[...FLAGS.keys()].flatMap((name) => [`-${name}`, `--${name}=`, `--${name}=1`]));
  const arg = fc.oneof(piece, fc.string({ maxLength: 8 }), fc.constantFrom("-", "--", "---", "-=", "=", ""));
  fc.assert(
    fc.property(fc.array(arg, { maxLength: 6 }), (args) => {
      expect(["parsed", "help", "error"]).toContain(parseFlags(args).kind);
    }),
    { seed: 2 },
  );
});
