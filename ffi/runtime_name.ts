import process from "node:process";

/** The name and version of the runtime, as "Node.js 26.10.0". */
export function runtimeName(): string {
  // Every runtime gives Node's version among its own; the user agent is the only place where each
  // names itself. Node's has only the major version.
  const agent = (globalThis.navigator as Navigator | undefined)?.userAgent ?? "Node.js/";
  return agent.startsWith("Node.js/")
    ? `Node.js ${process.versions.node}`
    : agent.replace("/", " ");
}
