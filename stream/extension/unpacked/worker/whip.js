// What is said to truefeed, and nothing is said to anybody else: signalling of WHIP (RFC 9725).
import {settings} from "./settings.js";

const sessions = new Map();  // who -> its place on the server, or null while it is asked for

async function ask(path, request) {
  const {server, token} = await settings();
  const headers = {...request.headers, ...(token ? {Authorization: `Bearer ${token}`} : {})};
  const rest = {credentials: "omit", redirect: "error", cache: "no-store", referrerPolicy: "no-referrer"};
  let response;
  try {
    response = await fetch(server + path, {...request, ...rest, headers, signal: AbortSignal.timeout(20000)});
  } catch {
    throw new Error(`no truefeed at ${server}: start it with \`truefeed serve\``);
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Error(`${server} wants another token`);
  const said = (await response.text()).trim().slice(0, 200);
  throw new Error(`${server}: ${said || `error ${response.status}`}`);
}

// The STUN and TURN servers that truefeed was told of.
export async function servers() {
  const link = (await ask("/whip", {method: "OPTIONS"})).headers.get("Link") || "";
  return link.split(/,\s*(?=<)/).filter(one => one.includes("ice-server")).map(one => {
    const value = key => one.match(new RegExp(`${key}="([^"]*)"`))?.[1];
    return {urls: one.match(/<([^>]+)>/)[1], username: value("username"), credential: value("credential")};
  });
}

export async function publish(who, name, sdp) {
  leave(who);
  const mark = {place: null};
  sessions.set(who, mark);
  const path = `/whip/${encodeURIComponent(name || "guest")}`;
  try {
    const response = await ask(path, {method: "POST", headers: {"Content-Type": "application/sdp"}, body: sdp});
    mark.place = response.headers.get("Location");
    if (sessions.get(who) !== mark) end(mark);
    return await response.text();
  } catch (error) {
    if (sessions.get(who) === mark) sessions.delete(who);
    throw error;
  }
}

export function leave(who) {
  const mark = sessions.get(who);
  sessions.delete(who);
  if (mark) end(mark);
}

export function leaveAll(begin) {
  for (const who of [...sessions.keys()]) if (who.startsWith(begin)) leave(who);
}

function end(mark) {
  if (mark.place && mark.place.startsWith("/")) ask(mark.place, {method: "DELETE"}).catch(() => {});
}
