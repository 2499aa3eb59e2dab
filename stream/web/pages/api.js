// What the page says to the server, and what the server says by itself.

import { has, t } from "./text.js";

/** Who asks, as the server sees it. */
export let session = { role: null, csrf: null, needs_sign_in: false, keep_days: 0, largest: 0, version: "" };

/** An error that the server told; `kind` is a word of its interface. */
export class Refused extends Error {
  constructor(status, kind, detail) {
    super(has(`error.${kind}`) ? t(`error.${kind}`) : detail);
    this.status = status;
    this.kind = kind;
    this.detail = detail;
  }
}

/** Ask the server; return what it answers. Throws Refused, or TypeError where it cannot be reached. */
export async function call(method, path, body = undefined, headers = {}) {
  const options = { method, headers: { ...headers } };
  if (session.csrf) options.headers["X-CSRF-Token"] = session.csrf;
  if (body instanceof Blob) options.body = body;
  else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw await refused(answer);
}

async function refused(answer) {
  try {
    const problem = await answer.json();
    return new Refused(answer.status, problem.type.split(":").pop(), problem.detail);
  } catch {
    return new Refused(answer.status, "unknown", answer.statusText);
  }
}

/** Find out who asks. */
export async function meet() {
  session = await call("GET", "/api/v1/session");
  return session;
}

/** Sign in. */
export async function signIn(wish) {
  session = await call("POST", "/api/v1/session", wish);
}

/** Sign out. */
export async function signOut() {
  await call("DELETE", "/api/v1/session");
  await meet();
}

const listeners = new Set();
let source = null;

/** Have a function called with every event of the server; return what ends that. */
export function listen(heard) {
  listeners.add(heard);
  if (source === null) open();
  return () => listeners.delete(heard);
}

function open() {
  source = new EventSource("/api/v1/events");
  const tell = (event) => [...listeners].forEach((heard) => heard(event));
  source.onmessage = (message) => tell(JSON.parse(message.data));
  source.onopen = () => tell({ event: "online" });
  source.onerror = () => {
    tell({ event: "offline" });
    if (source.readyState !== EventSource.CLOSED) return;
    source = null;
    setTimeout(() => listeners.size && source === null && open(), 3000);
  };
}
