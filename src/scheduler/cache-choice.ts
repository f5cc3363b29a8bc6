/** Why a cache-aware policy chose as it did: what the log says of it (proxy/strategy-text.ts). */
import type { InstanceId } from "../fleet/instance.ts";

export type CacheChoice =
  /** By hit and load. `hitPercents` has those with a hit only. */
  | {
      readonly kind: "scored";
      readonly selected: InstanceId;
      readonly loads: readonly InstanceFigure[];
      readonly hitPercents: readonly InstanceFigure[];
    }
  /** By tokens, since the loads were too far apart. */
  | { readonly kind: "imbalanced"; readonly loads: readonly InstanceFigure[] }
  /** By tokens, since nothing is known of the prompt. */
  | { readonly kind: "no-prompt" };

/** In order of instance id. */
export type InstanceFigure = readonly [id: InstanceId, figure: number];
