/** Many streamed chat requests at once, each on a connection of its own, for tests in which something breaks under them. */
import { chatJson, type ChatRequest } from "./expected-answer.ts";
import { HttpConnection, postJson, type HttpAnswer } from "./http-client.ts";

const CHAT = "/v1/chat/completions";
/** So long that none ends before the test has done its damage. */
const TOKENS = 300;

export interface ChatStreams {
  readonly requests: readonly ChatRequest[];
  /** In the order of the requests; cut ones included. */
  readonly ended: Promise<readonly HttpAnswer[]>;
}

/** Resolves when all answers have begun. */
export async function openChatStreams(port: number, count: number): Promise<ChatStreams> {
  const requests = Array.from({ length: count }, (_, i): ChatRequest => {
    return { id: `chatcmpl-${i}`, content: `${i}`, tokens: TOKENS, stream: true };
  });
  const begun = requests.map(() => Promise.withResolvers<void>());
  const answers = requests.map(async (request, i) => {
    using connection = await HttpConnection.connect(port);
    return await connection.ask(postJson(CHAT, chatJson(request)), () => begun[i]?.resolve());
  });
  await Promise.all(begun.map(({ promise }) => promise));
  return { requests, ended: Promise.all(answers) };
}
