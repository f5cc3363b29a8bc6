/** Request bodies as chat clients send them: many messages with quotes, line breaks and some text outside ASCII; never one long string. */

const SENTENCES = [
  'Could you look at the log below and tell me why the second attempt was "refused"?\n',
  "The service starts, waits for its peers, then answers 503 for about a minute. ",
  "def retry(count):\n    return [attempt(i) for i in range(count)]\n",
  "Das Büro öffnet um 9 Uhr; 会议改到下午三点。 ",
  "Summarise the three points above in one sentence each, then say what is missing. ",
];
const MESSAGE_BYTES = 320;

/** A chat body of exactly `bytes` bytes (at least 200). `model` and `stream` stand last, as in the bodies of OpenAI's own client. */
export function chatBody(bytes: number, stream: boolean): Buffer {
  const tail = `],"model":"bench-model","max_tokens":128,"stream":${stream}}`;
  const messages: string[] = ['{"role":"system","content":"You are a careful assistant."}'];
  let used = '{"messages":['.length + tail.length + (messages[0]?.length ?? 0);
  for (let turn = 0; used + MESSAGE_BYTES + 80 < bytes; turn++) {
    const message = JSON.stringify({ role: turn % 2 === 0 ? "user" : "assistant", content: contentOf(turn) });
    used += Buffer.byteLength(message) + 1;
    messages.push(message);
  }
  const last = '{"role":"user","content":""}';
  const padding = "x".repeat(Math.max(0, bytes - used - last.length - 1));
  messages.push(last.replace('""', `"${padding}"`));
  return Buffer.from(`{"messages":[${messages.join(",")}${tail}`);
}

function contentOf(turn: number): string {
  let text = "";
  for (let i = turn; text.length < MESSAGE_BYTES - 80; i++) text += SENTENCES[i % SENTENCES.length] ?? "";
  return text.slice(0, MESSAGE_BYTES - 80);
}
