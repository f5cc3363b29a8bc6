import { describe, expect, test } from "bun:test";
import { type Flag, parseArguments } from "../../src/launcher/arguments.ts";

const flag = (name: string, takesValue = true, established = false): Flag => ({ name, takesValue, established });
const FLAGS = [
  ...["ports", "num-servers", "metrics-ports", "controller-ports", "args"].map((name) => flag(name, true, true)),
  flag("command"),
  flag("crash-limit"),
  flag("help", false),
  flag("dry-run", false),
];

const given = (argv: readonly string[]): unknown => {
  const parsed = parseArguments(argv, FLAGS);
  if (parsed.kind !== "given") throw new Error(JSON.stringify(parsed));
  return { ...Object.fromEntries(parsed.values), ...(parsed.rest !== null && { rest: parsed.rest }) };
};
const problem = (...argv: readonly string[]): string => {
  const parsed = parseArguments(argv, FLAGS);
  return parsed.kind === "problem" ? parsed.message : JSON.stringify(parsed);
};

describe("parseArguments", () => {
  test("takes a value from the next word or after an equals sign", () => {
    expect(given(["--ports", "1,2", "--num-servers=2"])).toEqual({ ports: "1,2", "num-servers": "2" });
  });

  test("takes unambiguous prefixes", () => {
    expect(given(["--port", "1", "--num=2", "--dry"])).toEqual({ ports: "1", "num-servers": "2", "dry-run": true });
  });

  test("a prefix of multi_api_server's flags means its flag, whatever we have added", () => {
    expect(given(["--c", "5"])).toEqual({ "controller-ports": "5" });
    expect(given(["--controller-port", "-1"])).toEqual({ "controller-ports": "-1" });
  });

  test("a prefix of several flags is refused, and they are named", () => {
    const flags = [flag("crash-limit"), flag("crash-window")];
    expect(parseArguments(["--crash", "1"], flags)).toEqual({
      kind: "problem",
      message: "ambiguous option: --crash could match --crash-limit, --crash-window",
    });
  });

  test("--args takes the rest of the line, flags of ours included", () => {
    expect(given(["--ports", "1", "--args", "--ports", "2", "--help"])).toEqual({
      ports: "1",
      rest: ["--ports", "2", "--help"],
    });
    expect(given(["--args"])).toEqual({ rest: [] });
  });

  test("a negative number or a word with a blank is a value, a flag is not", () => {
    expect(given(["--metrics-ports", "-1"])).toEqual({ "metrics-ports": "-1" });
    expect(given(["--command", "--odd name"])).toEqual({ command: "--odd name" });
    expect(problem("--ports", "--dry-run")).toBe("argument --ports: expected one argument");
    expect(problem("--ports")).toBe("argument --ports: expected one argument");
  });

  test("a switch takes no value, --args no equals sign", () => {
    expect(problem("--dry-run=yes")).toBe("argument --dry-run: ignored explicit argument 'yes'");
    expect(problem("--args=--model")).toStartWith("argument --args: takes the rest of the line");
  });

  test("words that nobody knows are named, with the nearest flag", () => {
    expect(problem("--model", "x", "--args", "--y")).toBe(
      "unrecognized arguments: --model x (arguments of the servers come last, after --args)",
    );
    expect(problem("--prots=1")).toBe(
      'unrecognized arguments: --prots=1; did you mean "--ports"? (arguments of the servers come last, after --args)',
    );
  });

  test("help wins over what follows", () => {
    expect(parseArguments(["-h", "--nonsense"], FLAGS).kind).toBe("help");
    expect(parseArguments(["--he"], FLAGS).kind).toBe("help");
  });
});
