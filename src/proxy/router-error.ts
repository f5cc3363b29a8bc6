/** What the client is told when no instance was found, or the instance failed. */
import { RouterError } from "../errors.ts";
import type { Refusal } from "../scheduler/assignment.ts";
import { describeFailure, type UpstreamFailure } from "../upstream/failure.ts";

export function refusalError(refusal: Refusal): RouterError {
  switch (refusal.kind) {
    case "no-instance":
      return new RouterError("no_instance", "no healthy workers available");
    case "unknown-model":
      return new RouterError("unknown_model", JSON.stringify(refusal.model.slice(0, 256)));
    case "exhausted":
      return new RouterError("upstream_failed", "no other instance is left to try");
    case "saturated":
      return new RouterError("saturated");
  }
}

export function upstreamError(failure: UpstreamFailure): RouterError {
  switch (failure.kind) {
    case "connect":
    case "connect-timeout":
    case "closed-unanswered":
      return new RouterError("upstream_failed", describeFailure(failure));
    case "first-byte-timeout":
    case "idle-timeout":
    case "total-timeout":
      return new RouterError("upstream_timeout", describeFailure(failure));
    case "invalid":
    case "cut":
      return new RouterError("upstream_invalid", describeFailure(failure));
  }
}
