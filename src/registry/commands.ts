/** All that can happen to the fleet, as one union: every door, probe and clock speaks it, `apply` in registry.ts takes it. */
import type { Instance, InstanceId } from "../fleet/instance.ts";

/** A registration that passed admission.ts. */
export interface Admitted {
  readonly instance: Instance;
  /** Identity of the process, where the client names one. */
  readonly bootId: string | null;
}

/** Where a registration came from: it decides what keeps the instance in the table. */
export type Door =
  /** Kept as long as its probes succeed; beats are not needed (some engine releases register once only). */
  | { readonly kind: "http" }
  /** Named in register.yaml: never forgotten. */
  | { readonly kind: "file" }
  /** Of a router that ran before this one; taken on trust until the first probe. */
  | { readonly kind: "saved"; readonly drained: boolean }
  /** Kept by a lease. */
  | { readonly kind: "tcp"; readonly connection: number };

/** The TCP door has checked that the lease belongs to the connection that names it. */
export interface LeaseRef {
  readonly id: InstanceId;
  readonly lease: number;
}

export interface EngineFigures {
  readonly running: number;
  readonly waiting: number;
  readonly kvUsage: number;
}

/** What an instance's `/metrics` said; `epoch` is that of the process that was asked. */
export interface EngineReport {
  readonly id: InstanceId;
  readonly epoch: number;
  readonly figures: EngineFigures;
}

export type RegistryCommand =
  | { readonly kind: "register"; readonly admitted: Admitted; readonly door: Door }
  /** Keeps a lease. `figures` null: nothing new is known of the load. */
  | { readonly kind: "beat"; readonly at: LeaseRef; readonly figures: EngineFigures | null }
  /** Gathered by metrics-scraper.ts. */
  | { readonly kind: "report"; readonly reports: readonly EngineReport[] }
  | { readonly kind: "drain"; readonly id: InstanceId }
  | { readonly kind: "resume"; readonly id: InstanceId }
  /** The instance says goodbye. */
  | { readonly kind: "leave"; readonly id: InstanceId }
  /** register.yaml names it no more. */
  | { readonly kind: "unlist"; readonly id: InstanceId }
  | { readonly kind: "disconnected"; readonly connection: number }
  /** `generation` as in the effect that asked for the probe. */
  | {
      readonly kind: "probed";
      readonly id: InstanceId;
      readonly generation: number;
      readonly startedAt: number;
      readonly healthy: boolean;
    }
  /** A worker saw the instance fail a request: reason enough to look now. */
  | { readonly kind: "observed"; readonly id: InstanceId }
  | { readonly kind: "tick" };
