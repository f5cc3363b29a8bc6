import { expect, test } from "bun:test";
import { waitUntilServing } from "../../src/demo/readiness.ts";

/** Answers each path with the next of its answers, the last one for ever. */
function routerAnswering(answers: Readonly<Record<string, (() => Response)[]>>) {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      const list = answers[pathname] ?? [];
      const nth = asked.filter((path) => path === pathname).length;
      asked.push(pathname);
      return (list[nth] ?? list.at(-1))?.() ?? new Response("", { status: 404 });
    },
  });
  return { server, asked };
}

const registered = (mixed: number) => () => Response.json({ mixed, prefill: 0, decode: 0 });
const ready = (status: number) => () => new Response("", { status });
const never = new AbortController().signal;

test("waits until all engines are registered and the router is ready", async () => {
  const { server, asked } = routerAnswering({
    "/registered_number": [registered(0), registered(1), registered(2)],
    "/ready": [ready(503), ready(200)],
  });
  await waitUntilServing(server.url.origin, 2, never);
  expect(asked.filter((path) => path === "/ready")).toHaveLength(2);
  expect(asked.at(-1)).toBe("/ready");
  await server.stop(true);
});

test("with no engines to wait for, any count will do", async () => {
  const { server, asked } = routerAnswering({ "/registered_number": [registered(0)] });
  await waitUntilServing(server.url.origin, 0, never);
  expect(asked).toEqual(["/registered_number"]);
  await server.stop(true);
});

test("stops waiting when aborted", async () => {
  const abort = new AbortController();
  const { server } = routerAnswering({
    "/registered_number": [
      () => {
        abort.abort(new Error("interrupted"));
        return Response.json({ mixed: 0 });
      },
    ],
  });
  const error: unknown = await waitUntilServing(server.url.origin, 1, abort.signal).catch((reason: unknown) => reason);
  expect(error).toHaveProperty("message", "interrupted");
  await server.stop(true);
});
