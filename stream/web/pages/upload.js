// Files on their way to the server, in pieces, one after another. A broken connection is waited for, and an upload that
// a closed page left behind goes on where it stopped when the same file is chosen again.

import { Refused, call, session } from "./api.js";
import { bytes, t } from "./text.js";

const RETRY = [1, 2, 4, 8, 15];
/** Files of this tab by the key of their job: they can be played without ever coming back from the server. */
export const files = new Map();
/** What is under way: { name, size, sent, state, why, scan }. */
export const uploads = [];
const watchers = new Set();
let busy = false;

/** Have a function called whenever something changes; return what ends that. */
export function watch(changed) {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

const changed = () => watchers.forEach((watcher) => watcher());

/** Send files; `keepDays` undefined leaves it to the server. */
export function send(list, keepDays) {
  for (const file of list) {
    const upload = { file, name: file.name, size: file.size, sent: 0, state: "waiting", why: "", scan: null, keepDays };
    if (!file.size) Object.assign(upload, { state: "failed", why: t("upload.empty", { name: file.name }) });
    else if (session.largest && file.size > session.largest) {
      Object.assign(upload, { state: "failed", why: t("upload.large", { name: file.name, bytes: session.largest }) });
    }
    uploads.push(upload);
  }
  changed();
  return turn();
}

/** Forget an upload, also on the server. */
export async function cancel(upload) {
  upload.state = "cancelled";
  upload.stop?.abort();
  uploads.splice(uploads.indexOf(upload), 1);
  changed();
  if (upload.id) await call("DELETE", `/api/v1/uploads/${upload.id}`).catch(() => {});
  forget(upload);
}

async function turn() {
  if (busy) return;
  busy = true;
  let next;
  while ((next = uploads.find((upload) => upload.state === "waiting"))) {
    next.state = "sending";
    changed();
    await persist(next);
    changed();
  }
  busy = false;
}

/** Go on until all has come, however often the connection breaks. */
async function persist(upload) {
  for (let attempt = 0; upload.state !== "cancelled"; attempt += 1) {
    try {
      await transfer(upload, () => { attempt = 0; });
      upload.state = "sent";
      files.set(upload.scan, upload.file);
      uploads.splice(uploads.indexOf(upload), 1);
      forget(upload);
      return;
    } catch (error) {
      if (upload.state === "cancelled") return;
      if (error instanceof Refused && ![404, 409, 429, 503].includes(error.status)) {
        Object.assign(upload, { state: "failed", why: t("upload.failed", { name: upload.name, why: error.message }) });
        return;
      }
      if (error instanceof Refused && error.status === 404) forget(upload);
      upload.state = "paused";
      changed();
      await new Promise((done) => setTimeout(done, 1000 * RETRY[Math.min(attempt, RETRY.length - 1)]));
      if (upload.state === "paused") upload.state = "sending";
      changed();
    }
  }
}

async function transfer(upload, progressed) {
  let told = await begin(upload);
  upload.id = told.id;
  upload.sent = told.offset;
  while (told.scan === null && upload.state === "sending") {
    const piece = upload.file.slice(told.offset, told.offset + told.piece);
    told = await sendPiece(upload, told, piece);
    upload.sent = told.offset;
    progressed();
    changed();
  }
  upload.scan = told.scan;
}

async function begin(upload) {
  const known = localStorage.getItem(mark(upload));
  if (known) {
    try {
      return await call("GET", `/api/v1/uploads/${known}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }
  const wish = { name: upload.name, size: upload.size };
  if (upload.keepDays !== undefined) wish.keep_days = upload.keepDays;
  const told = await call("POST", "/api/v1/uploads", wish);
  localStorage.setItem(mark(upload), told.id);
  return told;
}

/** Send a piece; XMLHttpRequest because fetch does not tell how much has gone. */
function sendPiece(upload, told, piece) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    upload.stop = request;
    request.open("PATCH", `/api/v1/uploads/${told.id}`);
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.setRequestHeader("Upload-Offset", told.offset);
    if (session.csrf) request.setRequestHeader("X-CSRF-Token", session.csrf);
    request.upload.onprogress = (event) => {
      upload.sent = told.offset + event.loaded;
      changed();
    };
    request.onerror = request.onabort = () => reject(new TypeError("broken off"));
    request.onload = () => {
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch { /* told below */ }
      if (request.status === 200) resolve(body);
      else reject(new Refused(request.status, (body.type ?? "").split(":").pop(), body.detail ?? request.statusText));
    };
    request.send(piece);
  });
}

const mark = (upload) => `upload ${upload.name} ${upload.size} ${upload.file.lastModified}`;
const forget = (upload) => localStorage.removeItem(mark(upload));

/** Return how far an upload is, in words. */
export function words(upload) {
  const share = upload.size ? upload.sent / upload.size : 0;
  if (upload.state === "failed") return upload.why;
  if (upload.state === "waiting") return t("upload.waiting");
  if (upload.state === "paused") return t("upload.paused", { share });
  return `${t("upload.sending", { share })} (${bytes(upload.size)})`;
}
