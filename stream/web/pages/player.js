// The file, played, with a box around each face in step with the picture, and beneath it how strong the signs are over
// time. Where the server did not keep the file, the one in this tab is played, or the user chooses it once more.

import { h } from "./dom.js";
import { lanes } from "./lanes.js";
import { thresholds } from "./scale.js";
import { percent, t } from "./text.js";
import { files } from "./upload.js";

const NEAR = 0.4;
const PAUSE = 2.1; // between the runs of pictures of a long video that were looked at
const HASHED = 512 << 20;

/** Return { element, seek, end }. */
export function player(scan, track) {
  const video = scan.result.report.kind === "video";
  const media = h(video ? "video" : "audio", { controls: true, preload: "metadata", playsinline: true, "aria-label": video ? t("result.player") : t("result.sound") });
  const canvas = h("canvas", { "aria-hidden": "true" });
  // The room is taken before the file is loaded, so that nothing jumps.
  if (video && track.width) {
    media.style.aspectRatio = `${track.width} / ${track.height}`;
    media.style.width = `min(100%, ${(70 * track.width) / track.height}vh)`;
  }
  const stage = h("div", { class: video ? "stage" : "stage sound" }, media, video ? canvas : null);
  const note = h("p", { class: "soft", role: "status" });
  const over = lanes(scan, track, (at) => seek(at));
  let url = null;

  function play(source) {
    note.replaceChildren();
    media.src = source;
    media.hidden = false;
  }
  function seek(at, run = false) {
    over.show(at);
    if (!media.src) return;
    media.currentTime = at;
    if (run) stage.scrollIntoView({ block: "center", behavior: "instant" });
  }
  const draw = () => video && boxes(canvas, media, track, thresholds(scan.result));
  const tick = () => {
    draw();
    over.show(media.currentTime);
  };
  media.addEventListener("error", () => {
    if (!media.src) return;
    media.hidden = true;
    note.textContent = t("result.noplay");
  });
  for (const name of ["timeupdate", "seeked", "loadeddata"]) media.addEventListener(name, tick);
  const stop = inStep(media, tick);
  const resized = new ResizeObserver(draw);
  resized.observe(stage);

  const here = files.get(scan.id);
  if (here) play((url = URL.createObjectURL(here)));
  else if (scan.has_media) play(`/api/v1/scans/${scan.id}/media`);
  else {
    if (video && scan.poster) media.poster = scan.poster;
    note.append(again(scan, (file) => play((url = URL.createObjectURL(file))), note));
  }
  return {
    element: h("section", { class: "card playing" }, stage, note, over.element),
    seek,
    end: () => {
      stop();
      resized.disconnect();
      media.removeAttribute("src");
      media.load();
      if (url) URL.revokeObjectURL(url);
    },
  };
}

/** Let the user choose the file once more; it is compared with the one that was judged. */
function again(scan, chosen, note) {
  const why = h("span", { class: "error" });
  const input = h("input", { type: "file", id: "again", class: "hush", onchange: async () => {
    const [file] = input.files;
    if (!file) return;
    if (file.size !== scan.size || !(await same(file, scan.sha256))) why.textContent = ` ${t("result.lost.other")}`;
    else chosen(file);
  } });
  return h("span", {}, t("result.lost"), " ", input, h("label", { for: "again", class: "button plain small" }, t("result.lost.choose")), why);
}

async function same(file, sha256) {
  if (!crypto.subtle || file.size > HASHED) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}

/** Call a function with every picture that is shown; return what ends that. */
function inStep(media, tick) {
  let going = true;
  if (media.requestVideoFrameCallback) {
    const next = () => {
      if (!going) return;
      tick();
      media.requestVideoFrameCallback(next);
    };
    media.requestVideoFrameCallback(next);
  }
  return () => { going = false; };
}

/** Return the scored frame that a moment belongs to; null in a gap. Within a pause, faces go from one place to the next. */
export function momentAt(moments, at) {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle][0] <= at + 1e-3) low = middle + 1;
    else high = middle;
  }
  const [found, next] = [moments[low - 1], moments[low]];
  if (!found || at - found[0] <= NEAR) return found ?? null;
  return next && next[0] - found[0] <= PAUSE ? between(found, next, at) : null;
}

function between([before, faces], [after, next], at) {
  const share = (at - before) / (after - before);
  const moved = faces.map((face) => [face, next.find((other) => other[0] === face[0])]).filter(([, other]) => other);
  return [at, moved.map(([face, other]) => [face[0], face[1], ...face.slice(2).map((value, i) => value + share * (other[i + 2] - value))])];
}

const COLOURS = { fake: "#ff5a4f", uncertain: "#ffb938", real: "#4fd08a", none: "#c9d1da" };

/** Return the status of a probability. */
export const statusOf = (p, at) => (p === null ? "none" : p >= at.fake ? "fake" : p <= at.real ? "real" : "uncertain");

function boxes(canvas, media, track, at) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [media.clientWidth, media.clientHeight];
  if (!width || !track.width) return;
  Object.assign(canvas.style, { left: `${media.offsetLeft}px`, top: `${media.offsetTop}px`, width: `${width}px`, height: `${height}px` });
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const zoom = Math.min(width / track.width, height / track.height);
  context.translate((width - track.width * zoom) / 2, (height - track.height * zoom) / 2);
  const moment = momentAt(track.moments, media.currentTime);
  for (const [id, p, left, top, right, bottom] of moment?.[1] ?? []) {
    box(context, [left, top, right, bottom].map((value) => value * zoom), `${t("result.face", { n: id })}  ${percent(p)}`, COLOURS[statusOf(p, at)]);
  }
}

/** Draw a box with a label above it; `size` is the width of a pixel of the page. */
export function box(context, [left, top, right, bottom], label, colour, size = 1) {
  context.lineWidth = 5 * size;
  context.strokeStyle = "rgb(0 0 0 / 45%)";
  context.beginPath();
  context.roundRect(left, top, right - left, bottom - top, 8 * size);
  context.stroke();
  context.lineWidth = 2.5 * size;
  context.strokeStyle = colour;
  context.stroke();
  context.font = `600 ${13 * size}px system-ui, sans-serif`;
  const width = context.measureText(label).width + 14 * size;
  const y = top > 28 * size ? top - 27 * size : bottom + 5 * size;
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left - size, y, width, 22 * size, 6 * size);
  context.fill();
  context.fillStyle = "#14171b";
  context.fillText(label, left + 6 * size, y + 15.5 * size);
}
