// The start page: a place to drop files, other ways in, the last results.

import { call, listen, session } from "./api.js";
import { announce, h, icon } from "./dom.js";
import { row } from "./list.js";
import { go } from "./router.js";
import { t } from "./text.js";
import { cancel, send, uploads, watch, words } from "./upload.js";

const LAST = 5;
const KEEP_DAYS = 7;

/** Show the page; return what ends it. */
export async function show(main) {
  const going = h("section", { class: "stack", "aria-label": t("upload.title") });
  const recent = h("ul", { class: "results" });
  main.append(
    h("div", { class: "hero" }, h("h1", {}, t("home.title")), h("p", { class: "lead" }, t("home.lead"))),
    dropZone(), going,
    h("section", {}, h("h2", {}, t("home.ways")), ways()),
    h("section", {}, h("div", { class: "row between" }, h("h2", {}, t("home.recent")), h("a", { href: "/history" }, t("home.recent.all"))), recent));
  const ends = [watch(() => draw(going)), listen((event) => ["scan", "deleted", "online"].includes(event.event) && soon(recent))];
  draw(going);
  // Before the first wait: whoever pastes at once is heard too.
  const paste = (event) => event.clipboardData?.files.length && submit(event.clipboardData.files);
  document.addEventListener("paste", paste);
  await refresh(recent);
  return () => {
    document.removeEventListener("paste", paste);
    ends.forEach((end) => end());
  };
}

function dropZone() {
  const input = h("input", { type: "file", id: "file", class: "hush", multiple: true, accept: "video/*,image/*,audio/*,.mkv,.avi,.flac,.heic", onchange: () => { submit(input.files); input.value = ""; } });
  const zone = h("section", { class: "drop", "aria-label": t("home.drop") },
    icon("upload", "big"),
    h("p", { class: "drop-title" }, t("home.drop")),
    input, h("label", { for: "file", class: "button" }, t("home.choose")),
    h("p", { class: "soft" }, t("home.or", { bytes: session.largest })));
  let depth = 0;
  const over = (change) => {
    depth = change === 0 ? 0 : Math.max(depth + change, 0);
    zone.classList.toggle("over", depth > 0);
    zone.querySelector(".drop-title").textContent = t(depth > 0 ? "home.drop.over" : "home.drop");
  };
  zone.addEventListener("dragenter", () => over(1));
  zone.addEventListener("dragleave", () => over(-1));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    over(0);
    submit(event.dataTransfer.files);
  });
  return h("div", { class: "stack" }, zone, under());
}

/** What stands beneath the drop zone: the address, and whether files are kept. */
function under() {
  const why = h("p", { class: "error", role: "alert" });
  const field = h("input", { id: "address", type: "url", required: true, placeholder: t("home.address.hint"), autocomplete: "off" });
  const submitAddress = async (event) => {
    event.preventDefault();
    why.textContent = "";
    try {
      const scan = await call("POST", "/api/v1/scans", { url: field.value, ...keepWish() });
      go(`/scan/${scan.id}`);
    } catch (error) {
      why.textContent = error.message;
    }
  };
  const days = session.keep_days || KEEP_DAYS;
  const keep = h("input", { type: "checkbox", id: "keep", checked: keepWanted(), onchange: (event) => localStorage.setItem("keep", event.target.checked ? "1" : "0") });
  return h("div", { class: "under" },
    h("form", { class: "address", onsubmit: submitAddress }, h("label", { for: "address" }, t("home.address")),
      h("div", { class: "row" }, field, h("button", { class: "plain" }, t("home.address.go"))), why),
    h("div", { class: "keep" }, h("label", { class: "check" }, keep, h("span", {}, t("home.keep", { days }))),
      h("p", { class: "soft" }, t("home.keep.off"))));
}

const keepWanted = () => (localStorage.getItem("keep") ?? (session.keep_days ? "1" : "0")) === "1";
const keepWish = () => ({ keep_days: keepWanted() ? session.keep_days || KEEP_DAYS : 0 });

async function submit(files) {
  const list = [...files];
  if (!list.length) return;
  const known = new Set(uploads);
  const sending = send(list, keepWish().keep_days);
  const mine = uploads.filter((upload) => !known.has(upload));
  await sending;
  const done = mine.filter((upload) => upload.scan);
  // One file leads to its result at once; of several the list shows how far each is.
  if (mine.length === 1 && done.length === 1 && location.pathname === "/") go(`/scan/${done[0].scan}`);
}

function ways() {
  const way = (path, name, key) => h("a", { class: "card way", href: path }, icon(name), h("span", { class: "stack tight" }, h("strong", {}, t(key)), h("span", { class: "soft" }, t(`${key}.text`))));
  return h("div", { class: "ways" }, way("/live", "camera", "home.way.live"), way("/call", "call", "home.way.call"), way("/ways", "search", "home.way.ways"), way("/api/v1/openapi.json", "code", "home.way.api"));
}

function draw(going) {
  going.hidden = !uploads.length;
  going.replaceChildren(...uploads.map((upload) => h("div", { class: "card upload" },
    h("div", { class: "row between" }, h("span", { class: "name" }, upload.name),
      h("button", { class: "plain small", type: "button", "aria-label": `${t("upload.cancel")}: ${upload.name}`, onclick: () => { cancel(upload); announce(t("upload.cancelled")); } }, icon("close"))),
    upload.state === "failed" ? null : h("progress", { max: upload.size, value: upload.sent, "aria-label": upload.name }),
    h("p", { class: upload.state === "failed" ? "error" : "soft", role: upload.state === "failed" ? "alert" : null }, words(upload)))));
}

let timer = 0;
function soon(recent) {
  clearTimeout(timer);
  timer = setTimeout(() => recent.isConnected && refresh(recent), 150);
}

async function refresh(recent) {
  const page = await call("GET", `/api/v1/scans?limit=${LAST}`).catch(() => null);
  if (!page) return;
  recent.replaceChildren(...(page.items.length ? page.items.map((scan) => row(scan)) : [h("li", { class: "empty" }, t("home.recent.none"))]));
}
