/** The parts of the proxy that are one pure function each. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ERRORS, RouterError, type ErrorCode } from "../../src/errors.ts";
import type { ByteRange } from "../../src/lib/byte-range.ts";
import { checkRequest } from "../../src/proxy/check-request.ts";
import { clientAddress } from "../../src/proxy/client-address.ts";
import { requestHead } from "../../src/proxy/headers.ts";
import { findStreamFault, judge } from "../../src/proxy/outcome.ts";
import { estimatePromptTokens } from "../../src/proxy/prompt-size.ts";
import { errorEvent, respondError } from "../../src/proxy/respond.ts";
import { decideRetry, RetryBudget } from "../../src/proxy/retry.ts";
import { refusalError, upstreamError } from "../../src/proxy/router-error.ts";
import { allowedMethod, endpointLabel, findRoute } from "../../src/proxy/routes.ts";
import { readUsage } from "../../src/proxy/usage.ts";
import type { UpstreamFailure } from "../../src/upstream/failure.ts";
import { FakeClient } from "./support/fake-client.ts";

/** What stands around the end of an answer in the buffer that brought it: it must not be read. */
const AROUND = Buffer.from('data: {"error":1}[DONE]{"usage":{"prompt_tokens":9}}');

function inside(text: string): ByteRange {
  const bytes = Buffer.concat([AROUND, Buffer.from(text), AROUND]);
  return { bytes, start: AROUND.length, end: bytes.length - AROUND.length };
}

function codeOf(action: () => unknown): ErrorCode | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof RouterError) return error.code;
    throw error;
  }
}

describe("checkRequest", () => {
  test.each(["router", "router:80", "10.0.0.1:8080", "[::1]:80", "[2001:db8::1]", "my_host.example", ""])(
    "takes the Host %j",
    (host) => {
      expect(codeOf(() => checkRequest(new FakeClient({ fields: { host } })))).toBeNull();
    },
  );

  test.each(["a, b", "a b", "a/b", "u@h", "h?x", "h#x", "a\\b", "[::1", "h:", "h:x", "h:123456", "<x>"])(
    "refuses the Host %j",
    (host) => {
      expect(codeOf(() => checkRequest(new FakeClient({ fields: { host } })))).toBe("invalid_request");
    },
  );

  test.each([
    ["/a#b", ""],
    ["/a", "x#y"],
    ["/%EF%BF%BD", ""],
    ["/a b", ""],
    ["/a", "\x7f"],
    ["/é", ""],
  ])("refuses the target %j ? %j", (path, query) => {
    expect(codeOf(() => checkRequest(new FakeClient({ path, query })))).toBe("invalid_request");
  });

  test("measures path and query together", () => {
    expect(
      codeOf(() => checkRequest(new FakeClient({ path: `/${"a".repeat(4000)}`, query: "b".repeat(4191) }))),
    ).toBeNull();
    expect(codeOf(() => checkRequest(new FakeClient({ path: `/${"a".repeat(4000)}`, query: "b".repeat(4192) })))).toBe(
      "uri_too_long",
    );
  });
});

describe("routes", () => {
  test("known paths, exactly, but for escapes and a slash at the end", () => {
    expect(findRoute("POST", "/v1/completions").kind).toBe("inference");
    expect(findRoute("GET", "/v1/models").kind).toBe("models");
    expect(findRoute("POST", "/register").kind).toBe("control");
    expect(findRoute("POST", "/v1/completions/")).toEqual({ kind: "redirect", path: "/v1/completions" });
    expect(findRoute("POST", "/v1%2Fcompletions").path).toBe("/v1/completions");
    for (const path of ["/v1/completions//", "/v1/completions%", "/V1/completions", "/v1", "", "/registered/x"]) {
      expect(codeOf(() => findRoute("POST", path))).toBe("unknown_path");
    }
  });

  test("a slash too many is a redirect for the right method, escapes are decoded", () => {
    expect(findRoute("POST", "/v1/completions/")).toEqual({ kind: "redirect", path: "/v1/completions" });
    expect(codeOf(() => findRoute("GET", "/v1/completions/"))).toBe("unknown_path");
    expect(findRoute("POST", "/v1%2Fcompletions").kind).toBe("inference");
    expect(codeOf(() => findRoute("POST", "/v1/completions%"))).toBe("unknown_path");
  });

  test("a wrong method is 405 below /v1 and the Go router's 404 elsewhere", () => {
    expect(codeOf(() => findRoute("GET", "/v1/completions"))).toBe("method_not_allowed");
    expect(codeOf(() => findRoute("POST", "/metrics"))).toBe("unknown_path");
    expect(codeOf(() => findRoute("post", "/v1/completions"))).toBe("method_not_allowed");
    expect(allowedMethod("/v1/models")).toBe("GET");
  });

  test("CONNECT and TRACE are 405 everywhere", () => {
    for (const path of ["/v1/models", "10.0.0.1:80", "/x"]) {
      for (const method of ["CONNECT", "TRACE"])
        expect(codeOf(() => findRoute(method, path))).toBe("method_not_allowed");
    }
  });

  test("labels are known paths or `other`", () => {
    expect([endpointLabel("/metrics"), endpointLabel("/x")]).toEqual(["/metrics", "other"]);
  });
});

describe("clientAddress", () => {
  test.each([
    [{}, "10.0.0.9"],
    [{ "x-forwarded-for": "1.2.3.4" }, "1.2.3.4"],
    [{ "x-forwarded-for": "1.2.3.4, 2001:db8::1 ,5.6.7.8" }, "1.2.3.4"],
    [{ "x-forwarded-for": "1.2.3.4, evil" }, "10.0.0.9"],
    [{ "x-forwarded-for": "", "x-real-ip": "5.6.7.8" }, "5.6.7.8"],
    [{ "x-real-ip": "a\nb" }, "10.0.0.9"],
  ])("%j: %s", (fields, address) => {
    expect(clientAddress(new FakeClient({ fields }))).toBe(address);
  });
});

describe("requestHead", () => {
  const head = (fields: Record<string, string>): string => requestHead(new FakeClient({ fields }), "/p", "h:1", 5);

  test("frames anew and ends with the empty line", () => {
    expect(head({})).toBe("POST /p HTTP/1.1\r\nhost: h:1\r\ncontent-length: 5\r\n\r\n");
    expect(head({ host: "x", "content-length": "9", expect: "100-continue", accept: "*/*" })).toBe(
      "POST /p HTTP/1.1\r\nhost: h:1\r\naccept: */*\r\ncontent-length: 5\r\n\r\n",
    );
  });

  test("nothing of the client's framing or connection gets through, whatever the order", () => {
    const names = [
      "connection",
      "keep-alive",
      "te",
      "transfer-encoding",
      "transfer_encoding",
      "content_length",
      "upgrade",
      "proxy-authorization",
      "trailer",
      "x-named",
    ];
    const entries = fc
      .shuffledSubarray(names)
      .map((chosen) =>
        Object.fromEntries(chosen.map((name) => [name, name === "connection" ? "X-Named, close" : "v"])),
      );
    fc.assert(
      fc.property(entries, (fields) => {
        const left = head({ ...fields, "x-kept": "1" })
          .split("\r\n")
          .slice(2, -3);
        const expected =
          "connection" in fields || !("x-named" in fields)
            ? ["x-kept: 1"]
            : [...left.filter((line) => line.startsWith("x-named")), "x-kept: 1"];
        expect(left.toSorted()).toEqual(expected.toSorted());
      }),
      { seed: 8 },
    );
  });

  test("credentials survive a Connection field that names them", () => {
    expect(head({ connection: "authorization, x-api-key", authorization: "a", "x-api-key": "k" })).toContain(
      "authorization: a\r\nx-api-key: k\r\n",
    );
  });
});

describe("prompt size", () => {
  test("a quarter of the ASCII bytes, four fifths of the other characters", () => {
    expect(estimatePromptTokens(Buffer.from("a".repeat(400)))).toBe(100);
    expect(estimatePromptTokens(Buffer.from("é".repeat(100)))).toBe(80);
    expect(estimatePromptTokens(Buffer.from("字".repeat(100)))).toBe(80);
    expect(estimatePromptTokens(new Uint8Array(0))).toBe(0);
  });

  test("samples of a long body are near the whole, and the result has a cap", () => {
    expect(estimatePromptTokens(Buffer.from("a".repeat(40_000)))).toBeWithin(9900, 10_100);
    expect(estimatePromptTokens(Buffer.alloc(30_000_000, 97))).toBe(131_072);
  });
});

describe("usage", () => {
  const read = (text: string) => readUsage(inside(text));
  test("is found at the end of an answer and before [DONE]", () => {
    const usage = '"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":5}}';
    const expected = { promptTokens: 7, completionTokens: 3, cachedTokens: 5 };
    expect(read(`{"choices":[],${usage}}`)).toEqual(expected);
    expect(read(`${"x".repeat(9000)}data: {${usage}}\n\ndata: [DONE]\n\n`)).toEqual(expected);
  });

  test.each(["", "{}", '{"usage":null}', '{"usage":{"prompt_tokens":null}}', '{"prompt_tokens":4}'])(
    "%j names none",
    (text) => {
      expect(read(text)).toBeNull();
    },
  );
});

describe("outcome", () => {
  test.each([
    [200, "{}", "completed"],
    [302, "", "completed"],
    [400, "{}", "declined"],
    [404, "", "declined"],
    [429, "", "declined"],
    [500, '{"error":{"message":"too long"}}', "declined"],
    [500, ' { "detail":"x"}', "declined"],
    [500, "oops", "failed"],
    [502, '{"error":1}', "failed"],
    [503, "", "failed"],
  ] as const)("status %i with %j: %s", (status, body, kind) => {
    expect(judge(status, inside(body)).kind).toBe(kind);
  });

  test.each([
    ["data: {}\n\ndata: [DONE]\n\n", null],
    ["data: {}\n\ndata: {}\n\n", "stream_truncated"],
    ['data: {"error":{}}\n\ndata: [DONE]\n\n', "stream_error"],
    ["NE]\n\n", null],
    ["", null],
  ] as const)("a stream that ends with %j: %p", (tail, fault) => {
    expect(findStreamFault(inside(tail))).toBe(fault);
  });
});

const FAILURES: readonly UpstreamFailure[] = [
  { kind: "connect", detail: "ECONNREFUSED" },
  { kind: "connect-timeout", timeoutMs: 1 },
  { kind: "closed-unanswered", detail: "x" },
  { kind: "first-byte-timeout", timeoutMs: 1 },
  { kind: "idle-timeout", timeoutMs: 1 },
  { kind: "total-timeout", timeoutMs: 1 },
  { kind: "invalid", detail: "x" },
  { kind: "cut", detail: "x" },
];

describe("retry", () => {
  test("only what cannot have run is repeated; what may have run only when its instance is dead", () => {
    expect(FAILURES.map((failure) => decideRetry(failure, 1))).toEqual([
      "retry",
      "retry",
      "ask-whether-alive",
      "give-up",
      "give-up",
      "give-up",
      "give-up",
      "ask-whether-alive",
    ]);
    for (const failure of FAILURES) expect(decideRetry(failure, 0)).toBe("give-up");
  });

  test("the budget: a share of the requests and some a second", () => {
    const budget = new RetryBudget({ share: 0.1, perSecond: 3 }, 0);
    const takeAll = (now: number): number => {
      let taken = 0;
      while (budget.take(now)) taken++;
      return taken;
    };
    expect(takeAll(0)).toBe(30);
    for (let i = 0; i < 25; i++) budget.deposit();
    expect(takeAll(0)).toBe(2);
    // Half a token was left over.
    expect(takeAll(2000)).toBe(6);
    expect(takeAll(3_600_000)).toBeLessThanOrEqual(130);
  });

  test("never more than the budget, whatever the order of events", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant("deposit"), fc.nat(500)), { maxLength: 200 }), (events) => {
        const budget = new RetryBudget({ share: 0.1, perSecond: 3 }, 0);
        let [now, deposits, taken] = [0, 0, 0];
        for (const event of events) {
          if (typeof event === "number") now += event;
          else {
            deposits++;
            budget.deposit();
          }
          if (budget.take(now)) taken++;
        }
        expect(taken).toBeLessThanOrEqual(30 + deposits * 0.1 + (now / 1000) * 3 + 1e-6);
      }),
      { seed: 9 },
    );
  });

  test("a budget of nothing is nothing", () => {
    const budget = new RetryBudget({ share: 0, perSecond: 0 }, 0);
    budget.deposit();
    expect(budget.take(1e9)).toBe(false);
  });
});

describe("errors", () => {
  const respond = (code: ErrorCode, path: string): FakeClient => {
    const client = new FakeClient({ path });
    respondError(client, new RouterError(code, "why"), () => 0.99);
    return client;
  };

  test.each(Object.keys(ERRORS) as ErrorCode[])(
    "%s is answered with its status, in OpenAI's form below /v1",
    (code) => {
      const client = respond(code, "/v1/completions");
      expect(client.sentStatus).toBe(ERRORS[code].status);
      expect(JSON.parse(client.sent).error).toEqual({
        message: `${ERRORS[code].text}: why`,
        type: ERRORS[code].type,
        param: null,
        code,
      });
      expect(client.headerSent("x-router-reason")).toBe(code);
      expect(client.headerSent("retry-after")).toBe(ERRORS[code].retryAfter ? "5" : undefined);
      expect(client.ends).toEqual(["end"]);
    },
  );

  test("elsewhere it is the Go router's object, and its plain 404", () => {
    expect(JSON.parse(respond("no_instance", "/ready").sent)).toEqual({
      code: 503,
      msg: "Failed to select worker: why",
    });
    const lost = new FakeClient({ path: "/x" });
    respondError(lost, new RouterError("unknown_path"), Math.random);
    expect([lost.sent, lost.headerSent("content-type")]).toEqual(["404 page not found", "text/plain"]);
  });

  test("a connection with an unread body is closed, others are not", () => {
    expect(respond("body_too_large", "/v1/completions").headerSent("connection")).toBe("close");
    expect(respond("no_instance", "/v1/completions").headerSent("connection")).toBeUndefined();
  });

  test("405 names the method that is wanted", () => {
    expect(respond("method_not_allowed", "/v1/models").headerSent("allow")).toBe("GET");
  });

  test("every failure and refusal has its answer, without an address", () => {
    expect(FAILURES.map((failure) => ERRORS[upstreamError(failure).code].status)).toEqual([
      502, 502, 502, 504, 504, 504, 502, 502,
    ]);
    const refusals = [
      { kind: "no-instance" },
      { kind: "unknown-model", model: "m" },
      { kind: "exhausted" },
      { kind: "saturated" },
    ] as const;
    expect(refusals.map((refusal) => ERRORS[refusalError(refusal).code].status)).toEqual([503, 404, 502, 429]);
  });

  test("an error event is one SSE event", () => {
    const text = errorEvent("upstream_failed", 'a "quoted"\nreason').toString();
    expect(text).toMatch(/^data: \{.*\}\n\n$/);
    expect(JSON.parse(text.slice(6)).error.message).toBe('a "quoted"\nreason');
  });
});
