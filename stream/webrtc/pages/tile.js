"use strict";
// One participant: the picture, and over and under it what is thought of it.
const $ = id => document.getElementById(id);
const COLOUR = {real: "#34d396", uncertain: "#fab428", fake: "#ff6b6b"};
const WORD = {real: "Real", uncertain: "Unsure", fake: "Fake"};
const REASON = {"no-face": "no face in the picture", "face-too-small": "the face is too small", "blurred": "blurred",
  "low-bitrate": "bit rate too low", "packet-loss": "the line loses packets", "too-short": "a few seconds more",
  "occluded": "the face is covered", "borderline": "borderline", "no-speech": "no speech", "not-speech": "not speech",
  "music": "music", "noise": "noise", "clipped": "clipped sound"};
const STALE = 1500;  // a box is drawn for so long after its verdict, ms
const percent = p => p === null || p === undefined ? "-" : Math.min(99, Math.max(1, Math.round(100 * p))) + "%";
const share = p => p === null || p === undefined ? "" : percent(p) + " fake";
const words = list => list.map(reason => REASON[reason] || reason).join(", ");

class Tile {
  constructor(name, mine) {
    this.name = name; this.last = null; this.seen = 0; this.history = []; this.raised = new Map(); this.said = "";
    this.root = $("tile").content.firstElementChild.cloneNode(true);
    this.find(".who").textContent = mine ? name + " (you)" : name;
    this.root.setAttribute("aria-label", name);
    this.video = this.find("video"); this.video.muted = mine;
    this.video.setAttribute("aria-label", mine ? "Your camera" : "Camera of " + name);
    $("tiles").append(this.root); this.empty("Connecting");
  }
  find(query) { return this.root.querySelector(query); }
  empty(text) { this.find(".empty").textContent = text; this.find(".empty").hidden = !text; this.video.hidden = !!text; }
  picture(stream, text) {
    if (this.video.srcObject !== stream) this.video.srcObject = stream;
    this.empty(stream ? "" : text || "No picture");
  }
  close() { this.video.srcObject = null; this.root.remove(); }
  take(event) {
    if (event.event === "verdict") this.verdict(event);
    else if (event.event === "stats") this.stats(event);
    else if (event.event === "alert") this.alert(event);
    else if (event.event === "stream") this.state(event);
  }
  pill(word, status) {
    this.find(".status").textContent = word; this.find(".status").className = "pill status " + status;
    this.root.className = "tile is-" + status;
  }
  state(event) {
    if (event.state === "online") return;
    this.last = null; this.pill(event.state, ""); this.find(".figure").textContent = "";
    this.find(".why").textContent = event.detail;
  }
  alert(event) {
    event.raised ? this.raised.set(event.subject, event) : this.raised.delete(event.subject);
    const banner = this.find(".banner"), all = [...this.raised.values()];
    banner.hidden = !all.length;
    banner.textContent = all.map(a => "Alert: " + a.subject + " looks made by a machine (" + percent(a.probability) + ")").join("; ");
  }
  verdict(event) {
    this.last = event; this.seen = performance.now();
    this.pill(WORD[event.status], event.status);
    this.find(".figure").textContent = share(event.fake); this.find(".why").textContent = words(event.reasons);
    const worst = event.faces.filter(face => face.fake !== null).sort((a, b) => b.fake - a.fake)[0];
    this.bar("face", worst ? worst.fake : null, worst ? worst.status : "");
    this.bar("voice", event.voice, event.voice >= .5 ? "uncertain" : "real");
    this.history.push({t: event.t, fake: event.fake, status: event.status});
    while (event.t - this.history[0].t > 60) this.history.shift();
    const spoken = this.name + ": " + WORD[event.status] + (event.reasons.length ? ", " + words(event.reasons) : "");
    if (spoken !== this.said) { this.said = spoken; $("spoken").textContent = spoken; }
    this.draw();
  }
  bar(row, value, status) {
    const line = this.find(".row." + row);
    line.className = "row " + row + " " + status; line.querySelector("i").style.width = 100 * (value || 0) + "%";
    line.querySelector("b").textContent = percent(value);
  }
  stats(event) {
    const parts = [event.width ? event.width + " x " + event.height + " " + event.codec : "",
      event.bitrate_kbps ? Math.round(event.bitrate_kbps) + " kbit/s" : "",
      typeof event.loss === "number" ? (100 * event.loss).toFixed(1) + "% lost" : "",
      this.last && this.last.latency_ms !== null ? "verdict after " + Math.round(this.last.latency_ms) + " ms" : ""];
    this.find(".figures").textContent = parts.filter(part => part).join("  \u00b7  ");
  }
  draw() {
    const [pen, width, height] = sized(this.find(".overlay"));
    if (this.last && this.last.width && performance.now() - this.seen < STALE && !this.video.hidden) {
      const scale = Math.min(width / this.last.width, height / this.last.height);
      const x0 = (width - this.last.width * scale) / 2, y0 = (height - this.last.height * scale) / 2;
      for (const face of this.last.faces) box(pen, face, x0, y0, scale, width);
    }
    const [line, w, h] = sized(this.find(".line")), now = this.history.length ? this.history.at(-1).t : 0;
    line.fillStyle = "#2c353c"; line.fillRect(0, h - 1, w, 1); line.fillRect(0, h * .5, w, 1);
    for (const point of this.history) if (point.fake !== null) {
      const tall = Math.max(2, point.fake * (h - 2));
      line.fillStyle = COLOUR[point.status]; line.fillRect(w - (now - point.t) / 60 * w - 2, h - tall, 2, tall);
    }
  }
}
function sized(canvas) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  const w = Math.round(width * ratio), h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const pen = canvas.getContext("2d"); pen.setTransform(ratio, 0, 0, ratio, 0, 0); pen.clearRect(0, 0, width, height);
  return [pen, width, height];
}
function box(pen, face, x0, y0, scale, width) {
  const [l, t, r, b] = face.box, x = x0 + l * scale, y = y0 + t * scale, w = (r - l) * scale, h = (b - t) * scale;
  const colour = COLOUR[face.status];
  pen.lineWidth = 5; pen.strokeStyle = "rgba(0,0,0,.6)"; pen.strokeRect(x, y, w, h);
  pen.lineWidth = 2.5; pen.strokeStyle = colour; pen.strokeRect(x, y, w, h);
  const text = WORD[face.status] + "  " + share(face.fake) + (face.reasons.length ? "  " + words(face.reasons) : "");
  pen.font = "600 14px system-ui,sans-serif";
  const size = pen.measureText(text).width + 16, left = Math.max(2, Math.min(x, width - size - 2)), top = y > 30 ? y - 28 : y + h + 6;
  pen.fillStyle = "rgba(12,16,19,.88)"; pen.fillRect(left, top, size, 24);
  pen.fillStyle = colour; pen.fillRect(left, top, 4, 24); pen.fillText(text, left + 10, top + 17);
}
