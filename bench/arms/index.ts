/** The table of arms, in the order in which they are measured and shown. */
import type { Arm } from "./arm.ts";
import { direct } from "./direct.ts";
import { haproxy } from "./haproxy.ts";
import { nginx } from "./nginx.ts";
import { ours, oursRaw } from "./ours.ts";

export const ARMS: readonly Arm[] = [direct, nginx, haproxy, ours, oursRaw];
