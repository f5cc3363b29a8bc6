/** Routes, odd targets and the router's own answers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CHAT, HELLO, RunningRouter } from "./running-router.ts";

let router: RunningRouter;
beforeAll(async () => {
  router = await RunningRouter.start();
}, 60_000);
afterAll(() => router.stop());

describe("routes", () => {
  test.each<[method: string, path: string, status: number]>([
    ["POST", "/v1/chat/completions", 503],
    ["POST", "/v1/completions", 503],
    ["POST", "/v1/chat/completions?x=1", 503],
    ["POST", "/v1/chat%2Fcompletions", 503],
    ["POST", "/v1/chat/%63ompletions", 503],
    ["GET", "/registered", 200],
    ["GET", "/registered?x=1", 200],
    ["GET", "/registered_number", 200],
    ["GET", "/health_generate", 200],
    ["GET", "/metrics", 200],
    ["GET", "/health", 200],
    ["GET", "/v1/models", 200],
    ["GET", "/decode_instances", 200],
    ["GET", "/ready", 503],
    ["GET", "/", 404],
    ["GET", "/register", 404],
    ["POST", "/registered", 404],
    ["POST", "/metrics", 404],
    ["PUT", "/register", 404],
    ["GET", "/nope", 404],
    ["GET", "//registered", 404],
    ["GET", "/Registered", 404],
    ["GET", "/registered/x", 404],
    ["GET", CHAT, 405],
    ["PUT", CHAT, 405],
    ["DELETE", "/v1/completions", 405],
    ["POST", "/v1/models", 405],
    ["POST", "/v1/embeddings", 404],
  ])("%s %s is %d", async (method, path, status) => {
    expect((await router.send(method, path, method === "POST" ? HELLO : null)).status).toBe(status);
  });

  test.each<[method: string, path: string, status: number, location: string]>([
    ["GET", "/registered/", 301, "/registered"],
    ["GET", "/registered/?a=b", 301, "/registered?a=b"],
    ["GET", "/metrics/", 301, "/metrics"],
    ["POST", "/v1/completions/", 307, "/v1/completions"],
    ["POST", "/register/", 307, "/register"],
  ])("%s %s is %d to %s", async (method, path, status, location) => {
    const answer = await router.send(method, path, method === "POST" ? "{}" : null);
    expect([answer.status, answer.headers.get("location")]).toEqual([status, location]);
    expect(answer.body === "").toBe(status === 307);
  });

  test("an unknown path is told in Go's words, as plain text", async () => {
    const { body, headers } = await router.send("GET", "/nope");
    expect([body, headers.get("content-type")]).toEqual(["404 page not found", "text/plain"]);
  });

  test("a wrong method says which one is right", async () => {
    const { headers, body } = await router.send("GET", CHAT);
    expect(headers.get("allow")).toBe("POST");
    expect(JSON.parse(body)).toMatchObject({ error: { code: "method_not_allowed" } });
  });

  test("an empty fleet is listed empty", async () => {
    const { body, headers } = await router.send("GET", "/registered");
    expect(body).toBe('{"code":200,"decode":[],"mixed":[],"msg":"success","prefill":[]}');
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
  });
});

describe("bodies that are no JSON object", () => {
  test.each<[body: string, problem: string]>([
    ["", "unexpected end of JSON input"],
    [" ", "unexpected end of JSON input"],
    ["{", "unexpected end of JSON input"],
    ['{"a":', "unexpected end of JSON input"],
    ['{"a":"b', "unexpected end of JSON input"],
    ["[]", "json: cannot unmarshal array into Go value of type map[string]interface {}"],
    ['["a"]', "json: cannot unmarshal array into Go value of type map[string]interface {}"],
    ['"text"', "json: cannot unmarshal string into Go value of type map[string]interface {}"],
    ["7", "json: cannot unmarshal number into Go value of type map[string]interface {}"],
    ["true", "json: cannot unmarshal bool into Go value of type map[string]interface {}"],
    ["invalid", "invalid character 'i' looking for beginning of value"],
    ["{}x", "invalid character 'x' after top-level value"],
    ["{a:1}", "invalid character 'a' looking for beginning of object key string"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a":[1 2]}', "invalid character '2' after array element"],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":NaN}', "invalid character 'N' looking for beginning of value"],
  ])("%j: %s", async (body, problem) => {
    const answer = await router.send("POST", CHAT, body);
    const { error } = JSON.parse(answer.body) as { readonly error: { readonly message: string } };
    expect([answer.status, error.message]).toEqual([400, `Invalid JSON format: ${problem}`]);
    expect(answer.headers.get("content-type")).toBe("application/json");
  });

  test("null is refused as well (B9)", async () => {
    expect((await router.send("POST", CHAT, "null")).status).toBe(400);
  });
});

describe("an empty fleet", () => {
  test("is 503 with a pause to wait, and OpenAI's error object (B2)", async () => {
    const answer = await router.send("POST", CHAT, HELLO);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: { message: "Failed to select worker: no healthy workers available", code: "no_instance" },
    });
  });
});
