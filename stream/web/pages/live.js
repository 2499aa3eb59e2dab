// Cameras and streams: add, watch, remove; and the alerts. The boxes are drawn here, over the very picture that was judged.

import { alertList, subject } from "./alerts.js";
import { call, listen } from "./api.js";
import { announce, ask, h, icon } from "./dom.js";
import { box, statusOf } from "./player.js";
import { percent, reasons, t } from "./text.js";

const COLOURS = { fake: "#ff5a4f", uncertain: "#ffb938", real: "#4fd08a", none: "#c9d1da" };
const HISTORY = 150;

/** Show the page; return what ends it. */
export async function show(main) {
  const tiles = new Map();
  const grid = h("div", { class: "tiles" });
  const none = h("p", { class: "empty" }, t("live.none"));
  const alerts = alertList();
  main.append(h("div", { class: "stack tight" }, h("h1", {}, t("live.title")), h("p", { class: "soft" }, t("live.lead"))),
    none, grid, form(), h("p", {}, h("a", { href: "/ways" }, t("live.ways"))), alerts.element);

  const add = (stream) => {
    let tile = tiles.get(stream.id);
    if (!tile) {
      tile = new Tile(stream);
      tiles.set(stream.id, tile);
      grid.append(tile.element);
    }
    tile.state(stream);
    none.hidden = true;
    alerts.streams([...tiles.values()].map((one) => one.stream));
  };
  const drop = (id) => {
    tiles.get(id)?.end();
    tiles.delete(id);
    none.hidden = tiles.size > 0;
    alerts.streams([...tiles.values()].map((one) => one.stream));
  };
  const refresh = async () => {
    const found = await call("GET", "/api/v1/streams");
    for (const id of [...tiles.keys()]) if (!found.items.some((stream) => stream.id === id)) drop(id);
    found.items.forEach(add);
    none.hidden = tiles.size > 0;
  };
  await Promise.all([refresh(), alerts.draw()]);
  const stop = listen((event) => {
    if (event.event === "stream-state") add(event);
    else if (event.event === "stream-removed") drop(event.id);
    else if (event.event === "alert") {
      if (event.cleared === null) announce(t("live.now", { subject: subject(event), name: event.participant ?? event.source }));
      alerts.draw();
    } else if (event.event === "online") refresh().catch(() => {});
  });
  return () => {
    stop();
    [...tiles.keys()].forEach(drop);
  };
}

function form() {
  const why = h("p", { class: "error", role: "alert" });
  const url = h("input", { id: "url", type: "text", required: true, placeholder: t("live.url.hint"), autocomplete: "off", spellcheck: "false" });
  const name = h("input", { id: "name", type: "text", maxlength: 60, autocomplete: "off" });
  const submit = async (event) => {
    event.preventDefault();
    why.textContent = "";
    try {
      await call("POST", "/api/v1/streams", { url: url.value, ...(name.value.trim() ? { name: name.value } : {}) });
      url.value = name.value = "";
    } catch (error) {
      why.textContent = error.message;
    }
  };
  return h("form", { class: "card stack", onsubmit: submit }, h("h2", {}, t("live.add")),
    h("div", { class: "filters" },
      h("div", { class: "field grow" }, h("label", { for: "url" }, t("live.url")), url),
      h("div", { class: "field" }, h("label", { for: "name" }, t("live.name")), name),
      h("button", {}, t("live.go"))), why);
}

/** One stream: its picture with what is drawn over it, its state, the last half minute. */
class Tile {
  constructor(stream) {
    this.stream = stream;
    this.going = true;
    this.number = 0;
    this.past = [];
    this.canvas = h("canvas", { width: 640, height: 360, role: "img", "aria-label": t("live.picture", { name: stream.name }) });
    this.line = h("canvas", { class: "spark", width: 600, height: 44, "aria-hidden": "true" });
    this.badge = h("span", { class: "badge none" });
    this.detail = h("p", { class: "soft small" });
    this.what = h("p", { class: "soft small why" });
    this.pill = h("span", { class: "pill" });
    const label = t("live.remove", { name: stream.name });
    this.element = h("article", { class: "card tile", "data-id": stream.id },
      h("div", { class: "stage" }, this.canvas, this.pill),
      h("div", { class: "stack tight" },
        h("div", { class: "row between" }, h("h2", { class: "h3" }, stream.name), h("span", { class: "row" }, this.badge,
          h("button", { class: "plain small", type: "button", "aria-label": label, title: label, onclick: () => this.remove() }, icon("trash")))),
        h("p", { class: "soft small" }, h("code", {}, stream.url)), this.line, this.what, this.detail));
    this.looping = this.loop();
  }

  state(stream) {
    this.stream = stream;
    this.pill.textContent = t(`live.state.${stream.state}`);
    this.pill.className = `pill ${stream.state}`;
    this.detail.textContent = stream.state === "online" ? "" : stream.detail;
    this.element.classList.toggle("dim", stream.state !== "online");
  }

  async loop() {
    this.asking = new AbortController();
    const { signal } = this.asking;
    while (this.going) {
      try {
        const answer = document.hidden ? null : await fetch(`/api/v1/streams/${this.stream.id}/picture?after=${this.number}`, { signal });
        if (answer?.status === 200) await this.picture(answer);
        else await new Promise((done) => setTimeout(done, answer?.status === 204 ? 50 : 1000));
      } catch {
        await new Promise((done) => setTimeout(done, 2000));
      }
      await new Promise((done) => requestAnimationFrame(done));
    }
  }

  async picture(answer) {
    this.number = Number(answer.headers.get("X-Number"));
    const verdict = JSON.parse(answer.headers.get("X-Verdict"));
    const image = await createImageBitmap(await answer.blob());
    if (!this.going) return;
    const { canvas } = this;
    if (canvas.width !== image.width || canvas.height !== image.height) [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const zoom = image.width / (verdict.width || image.width);
    for (const face of verdict.faces ?? []) {
      box(context, face.box.map((value) => value * zoom), percent(face.fake), COLOURS[face.status] ?? COLOURS.none, canvas.width / (canvas.clientWidth || canvas.width));
    }
    image.close();
    this.verdict(verdict);
  }

  verdict(verdict) {
    this.badge.className = `badge ${verdict.status}`;
    this.badge.replaceChildren(icon(verdict.status), t(`live.status.${verdict.status}`));
    this.what.textContent = verdict.status === "uncertain" ? reasons(verdict.reasons) : "";
    this.past.push(verdict.fake);
    if (this.past.length > HISTORY) this.past.shift();
    const context = this.line.getContext("2d");
    const { width, height } = this.line;
    context.clearRect(0, 0, width, height);
    this.past.forEach((p, i) => {
      if (p === null) return;
      context.fillStyle = COLOURS[statusOf(p, { fake: 0.9, real: 0.35 })];
      const tall = 3 + p * (height - 3);
      context.fillRect(width - (this.past.length - i) * (width / HISTORY), height - tall, width / HISTORY - 1, tall);
    });
  }

  async remove() {
    if (!(await ask(t("live.remove.sure", { name: this.stream.name }), t("live.remove.yes"), t("result.delete.no")))) return;
    // No picture is asked for any more before it is gone: the answer would be an error.
    this.going = false;
    this.asking.abort();
    try {
      await call("DELETE", `/api/v1/streams/${this.stream.id}`);
    } catch {
      await this.looping;
      this.going = this.element.isConnected;
      this.looping = this.loop();
    }
  }

  end() {
    this.going = false;
    this.element.remove();
  }
}
