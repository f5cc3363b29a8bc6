/** What `fd-router --version` prints: the Go program's layout, which installers read. */
import packageJson from "../../package.json" with { type: "json" };

/** Set when the binary is built (scripts/build.ts); absent when run from source. */
declare const BUILD_COMMIT: string | undefined;
declare const BUILD_DIRTY: string | undefined;
declare const BUILD_TIME: string | undefined;

const VERSION: string = packageJson.version;

export function versionText(): string {
  const commit = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "unknown";
  const dirty = typeof BUILD_DIRTY === "string" ? BUILD_DIRTY : "unknown";
  const time = typeof BUILD_TIME === "string" ? BUILD_TIME : "unknown";
  return `golang-router
  version:   ${VERSION}
  commit:    ${commit}
  dirty:     ${dirty}
  vcsTime:   ${time}
  module:    ${packageJson.name} (drop-in for github.com/PaddlePaddle/FastDeploy/router)
  runtime:   bun ${Bun.version}
`;
}
