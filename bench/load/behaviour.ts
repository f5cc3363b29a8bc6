/**
 * How the engine is to answer a request, named in a header of it: routers pass headers on, but not all of them pass on a query.
 * Written by the generator, read by the engine.
 */
export const BEHAVIOUR_HEADER = "x-bench";

export type Behaviour =
  | { readonly kind: "answer"; readonly bytes: number }
  | {
      readonly kind: "stream";
      readonly events: number;
      /** Between two events; 0 is as fast as the connection takes them. */
      readonly everyMs: number;
      readonly bytes: number;
    };

export function formatBehaviour(behaviour: Behaviour): string {
  return behaviour.kind === "answer"
    ? `answer ${behaviour.bytes}`
    : `stream ${behaviour.events} ${behaviour.everyMs} ${behaviour.bytes}`;
}

/** Anything unknown is a small answer: probes and registrations get one. */
export function parseBehaviour(text: string): Behaviour {
  const [kind, ...numbers] = text.trim().split(" ");
  const [first = 0, everyMs = 0, bytes = 0] = numbers.map(Number);
  if (kind === "stream") return { kind, events: first, everyMs, bytes: Math.max(bytes, MIN_EVENT_BYTES) };
  return { kind: "answer", bytes: kind === "answer" ? first : 2 };
}

/** Room for an event's fixed text and its stamp. */
const MIN_EVENT_BYTES = 100;
