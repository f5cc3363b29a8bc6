/**
 * Prefill/decode disaggregation between mocks. A prefill server asks the decode server's connector port for room
 * (`POST /mock/reserve`), prefills, and after the transfer time hands over (`POST /mock/prefilled`). The real ones speak ZMQ there.
 */
import type { Reply } from "./connection.ts";
import { internalError } from "./errors.ts";
import type { Admission, Choice, Generation } from "./generation.ts";
import { parseFields } from "./json.ts";
import type { SequenceRequest } from "./sequence.ts";

/** A refused prefill server asks again after so long (`PREFILL_CONTINUOUS_REQUEST_DECODE_RESOURCES`). */
const RETRY_MS = 50;
/** `FD_PREFILL_WAIT_DECODE_RESOURCE_SECONDS`: a decode server that does not answer at all. */
const GIVE_UP_MS = 30_000;

type NewSequence = Omit<SequenceRequest, "arrivalMs">;

interface Waiting {
  readonly sequence: NewSequence;
  readonly choice: Choice;
}

/** Where the two halves of a request meet on the decode server, whichever comes first. */
export class Rendezvous {
  /** Client's half is here, nothing reserved yet. */
  readonly #requests = new Map<string, Waiting>();
  /** Prefill's half is here, and waits for the client's. */
  readonly #reservations = new Map<string, Reply>();
  /** Slot and blocks are held; KV has not come. */
  readonly #held = new Map<string, Choice>();

  /** How a decode server takes a request in: not into the queue, but until the other half has come. */
  readonly admit: Admission = (sequence, choice) => {
    const key = choiceKey(choice);
    this.#requests.set(key, { sequence, choice });
    choice.onEnded = () => this.#forget(key, choice);
    const reply = this.#reservations.get(key);
    this.#reservations.delete(key);
    if (reply !== undefined) this.#hold(key, reply);
  };

  handle(path: string, body: string, reply: Reply): void {
    const key = parseFields(body)?.["key"];
    if (typeof key !== "string") answer(reply, 400, "key is required");
    else if (path === "/mock/reserve") this.#reserve(key, reply);
    else if (path === "/mock/prefilled") this.#prefilled(key, reply);
    else answer(reply, 404, "Not Found");
  }

  #reserve(key: string, reply: Reply): void {
    if (this.#requests.has(key)) {
      this.#hold(key, reply);
      return;
    }
    this.#reservations.set(key, reply);
    reply.onGone = () => this.#reservations.delete(key);
  }

  #hold(key: string, reply: Reply): void {
    const waiting = this.#requests.get(key);
    if (waiting === undefined) return;
    const { driver } = waiting.choice.context;
    const sequence = driver.hold(waiting.sequence);
    if (sequence === null) {
      answer(reply, 409, "Not enough resources");
      return;
    }
    waiting.choice.sequence = sequence;
    this.#requests.delete(key);
    this.#held.set(key, waiting.choice);
    answer(reply, 200, "reserved");
  }

  #prefilled(key: string, reply: Reply): void {
    const choice = this.#held.get(key);
    this.#held.delete(key);
    if (choice === undefined || choice.sequence === null) {
      answer(reply, 409, "unknown request");
      return;
    }
    choice.context.driver.release(choice.sequence);
    answer(reply, 200, "ok");
  }

  #forget(key: string, choice: Choice): void {
    if (this.#requests.get(key)?.choice === choice) this.#requests.delete(key);
    if (this.#held.get(key) === choice) this.#held.delete(key);
  }
}

/** How a prefill server takes a request in: room on the decode server first, then its own queue; null when the address is unusable. */
export function prefillAdmission(generation: Generation, submit: Admission): Admission | null {
  const { decode_ip: ip, decode_connector_port: port } = generation.request.disaggregateInfo ?? {};
  if (typeof ip !== "string" || (typeof port !== "string" && typeof port !== "number")) return null;
  const decode = `http://${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
  const { driver, transferMs } = generation.context;
  return (sequence, choice) => {
    const key = choiceKey(choice);
    const leaving = new AbortController();
    choice.onEnded = () => {
      leaving.abort();
      if (choice.aborted) return;
      setTimeout(() => void post(`${decode}/mock/prefilled`, key), transferMs / driver.timeScale);
    };
    void reserve(`${decode}/mock/reserve`, key, leaving.signal).then((reserved) => {
      if (choice.ended) return;
      if (reserved) submit(sequence, choice);
      else generation.fail(internalError(`no decode resources from ${decode} within ${GIVE_UP_MS / 1000} s`));
    });
  };
}

/** Asks until there is room, for ever while the other side refuses; false when it cannot be reached. */
async function reserve(url: string, key: string, leaving: AbortSignal): Promise<boolean> {
  const deadlineMs = performance.now() + GIVE_UP_MS;
  while (!leaving.aborted) {
    const status = await post(url, key, leaving);
    if (status === 200) return true;
    if (status === null && performance.now() > deadlineMs) return false;
    await Bun.sleep(RETRY_MS);
  }
  return false;
}

/** Null: no answer. */
async function post(url: string, key: string, signal?: AbortSignal): Promise<number | null> {
  try {
    const body = JSON.stringify({ key });
    const response = await fetch(url, {
      method: "POST",
      body,
      timeout: false,
      ...(signal === undefined ? {} : { signal }),
    });
    await response.text();
    return response.status;
  } catch {
    return null;
  }
}

function choiceKey(choice: Choice): string {
  return `${choice.requestId}_${choice.index}`;
}

function answer(reply: Reply, status: number, text: string): void {
  reply.send(status, "text/plain; charset=utf-8", text);
}
