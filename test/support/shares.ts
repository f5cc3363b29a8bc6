/** Which instances answered how many of a number of requests: what tests of balance look at. */
import type { Fleet } from "./fleet.ts";
import { HttpConnection, postJson, type HttpAnswer } from "./http-client.ts";

const CHAT = "/v1/chat/completions";
const BODY = { messages: [{ role: "user", content: "x" }], max_tokens: 10, ignore_eos: true };

/** Requests by instance, sent by so many clients one after the other. */
export async function shares(
  fleet: Fleet,
  clients: number,
  requestsEach: number,
): Promise<ReadonlyMap<string, number>> {
  const answers: HttpAnswer[] = [];
  const client = async (): Promise<void> => {
    using connection = await HttpConnection.connect(fleet.port);
    for (let i = 0; i < requestsEach; i++) answers.push(await connection.ask(postJson(CHAT, BODY)));
  };
  await Promise.all(Array.from({ length: clients }, client));
  const failed = answers.find(({ status }) => status !== 200);
  if (failed !== undefined) throw new Error(`answered ${failed.status} ${failed.text}\n${fleet.log}`);
  const byInstance = Map.groupBy(answers, (answer) => answer.header("x-router-instance"));
  return new Map([...byInstance].map(([instance, list]) => [instance, list.length]));
}
