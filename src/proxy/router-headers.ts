/** The fields by which an answer names the instances that were chosen. The same list for the same choice: relay.ts and the fronts go by that. */
import type { Instance } from "../fleet/instance.ts";
import type { HeaderList } from "../upstream/response-head.ts";

const INSTANCE_HEADER = "x-router-instance";

const KNOWN = new Map<string, HeaderList>();
const MAX_KNOWN = 4096;

export function instanceHeaders({ id }: Instance): HeaderList {
  return KNOWN.get(id) ?? keep(id, [[INSTANCE_HEADER, id]]);
}

export function pairHeaders({
  prefill,
  decode,
}: {
  readonly prefill: Instance;
  readonly decode: Instance;
}): HeaderList {
  const key = `${prefill.id} ${decode.id}`;
  const known = KNOWN.get(key);
  if (known !== undefined) return known;
  return keep(key, [
    ["x-router-prefill-url", prefill.id],
    ["x-router-decode-url", decode.id],
    [INSTANCE_HEADER, decode.id],
  ]);
}

function keep(key: string, list: HeaderList): HeaderList {
  if (KNOWN.size >= MAX_KNOWN) KNOWN.clear();
  KNOWN.set(key, list);
  return list;
}
