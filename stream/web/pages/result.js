// What was found in one file: the answer first, then what it rests on, then the figures.

import { call, listen } from "./api.js";
import { details } from "./details.js";
import { announce, ask, h, icon } from "./dom.js";
import { faceCards } from "./faces.js";
import { go, title } from "./router.js";
import { picture } from "./picture.js";
import { player } from "./player.js";
import { scale } from "./scale.js";
import { length, t, when } from "./text.js";

/** Show the page; return what ends it. */
export async function show(main, key) {
  let ends = [];
  let state = "";
  const end = () => {
    ends.forEach((one) => one());
    ends = [];
  };
  const draw = async () => {
    const scan = await call("GET", `/api/v1/scans/${key}`);
    title(scan.name);
    const over = scan.state === "done" || scan.state === "failed";
    if (!over) return progress(main, scan);
    if (state === scan.state) return;
    const waited = state !== "";
    state = scan.state;
    end();
    ends = await finished(main, scan);
    if (waited) announce(main.querySelector("h1").textContent);
  };
  const stop = listen((event) => {
    if (event.id === key && event.event === "deleted") gone(main);
    else if (event.id === key && event.event === "scan") {
      if (event.state === "running" || event.state === "queued") progress(main, event);
      else draw();
    } else if (event.event === "online") draw();
  });
  try {
    await draw();
  } catch (error) {
    main.replaceChildren(h("h1", {}, error.message), back());
  }
  return () => {
    stop();
    end();
  };
}

const back = () => h("p", {}, h("a", { href: "/", class: "button" }, t("result.back")));

function gone(main) {
  main.replaceChildren(h("h1", {}, t("result.gone")), back());
}

/** Show how far a job is; only what changed is written anew, so that a screen reader is not flooded. */
function progress(main, scan) {
  if (main.querySelector(".wait") === null) {
    main.replaceChildren(h("div", { class: "card wait stack" },
      h("div", { class: "row" }, icon("running", "big spin"), h("div", {}, h("h1", {}, scan.name), h("p", { class: "soft stage", role: "status" }))),
      h("progress", { max: 1, "aria-label": t("result.progress") }), h("p", { class: "soft" }, t("result.queue"))));
  }
  const stage = main.querySelector(".stage");
  const text = scan.state === "queued" ? t("state.queued") : t(`stage.${scan.stage}`);
  if (stage.textContent !== text) stage.textContent = text;
  main.querySelector("progress").value = scan.progress;
}

async function finished(main, scan) {
  const result = scan.result;
  if (!result) {
    main.replaceChildren(answer(scan, ["verdict.error", {}], ["note.error", { why: scan.error ?? "" }]), actions(main, scan));
    return [];
  }
  const track = await call("GET", `/api/v1/scans/${scan.id}/track`);
  main.replaceChildren(answer(scan, result.words.headline, result.words.note));
  const ends = [];
  const kind = result.report.kind;
  let seek = null;
  if (result.report.status !== "error") {
    if (kind === "image") add(main, picture(scan, track));
    else {
      const shown = player(scan, track);
      main.append(shown.element);
      seek = shown.seek;
      ends.push(shown.end);
    }
    add(main, faceCards(scan, track, seek));
  }
  add(main, looked(result), details(scan), actions(main, scan));
  return ends;
}

const add = (main, ...parts) => main.append(...parts.filter(Boolean));

function answer(scan, headline, note) {
  const status = scan.status ?? "error";
  return h("section", { class: `answer ${status}` },
    h("div", { class: "answer-text" },
      h("p", { class: "kicker" }, icon(status), h("span", { class: "name" }, scan.name)),
      h("h1", {}, t(...headline)), h("p", { class: "note" }, t(...note)),
      h("p", { class: "soft facts" }, [t(`kind.${scan.kind ?? "none"}`), scan.seconds ? length(scan.seconds) : null, when(scan.finished)].filter(Boolean).join(" · "))),
    scan.result ? scale(scan) : null);
}

function looked(result) {
  const lines = result.words.looked_at;
  if (!lines.length) return null;
  return h("section", { class: "card" }, h("h2", {}, t("looked.title")),
    h("ul", { class: "ticks" }, lines.map((told) => h("li", {}, t(...told)))),
    h("p", { class: "soft" }, t("looked.took", { seconds: result.took })));
}

function actions(main, scan) {
  const base = `/api/v1/scans/${scan.id}`;
  const download = (path, name, key) => h("a", { class: "card way", href: `${base}/${path}`, download: "" }, icon(name),
    h("span", { class: "stack tight" }, h("strong", {}, t(key)), h("span", { class: "soft" }, t(`${key}.text`))));
  const remove = async () => {
    if (!(await ask(t("result.delete.sure"), t("result.delete.yes"), t("result.delete.no")))) return;
    await call("DELETE", base);
    announce(t("result.gone"));
    go("/history");
  };
  const drop = async () => {
    await call("PATCH", base, { keep_days: 0 });
    kept.replaceChildren(t("result.notkept"));
  };
  const kept = h("p", { class: "soft" }, scan.has_media
    ? [t("result.kept", { date: when(scan.expires) }), " ", h("button", { class: "link", type: "button", onclick: drop }, t("result.kept.drop"))]
    : t("result.notkept"));
  return h("section", { class: "stack" },
    scan.result ? [h("h2", {}, t("result.download")), h("div", { class: "ways" }, download("report.html", "report", "result.download.report"),
      download("result.json", "data", "result.download.json"), download("evidence.zip", "zip", "result.download.bundle"))] : null,
    h("div", { class: "row between" }, kept,
      h("div", { class: "row" }, h("a", { href: "/", class: "button plain" }, t("result.back")),
        h("button", { class: "danger", type: "button", onclick: remove }, icon("trash"), t("result.delete")))));
}
