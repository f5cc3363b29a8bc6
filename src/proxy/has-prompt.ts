/** Whether a parsed body has a prompt with any text in it, as the Go router reads it. For log lines. */

export function hasPrompt(body: object): boolean {
  if ("prompt" in body && listOf(body.prompt).some(isText)) return true;
  return "messages" in body && Array.isArray(body.messages) && body.messages.some(hasContent);
}

function hasContent(message: unknown): boolean {
  if (typeof message !== "object" || message === null || !("content" in message)) return false;
  return listOf(message.content).some((part) => isText(part) || hasTextPart(part));
}

function hasTextPart(part: unknown): boolean {
  if (typeof part !== "object" || part === null) return false;
  return "type" in part && part.type === "text" && "text" in part && isText(part.text);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.trim() !== "";
}
