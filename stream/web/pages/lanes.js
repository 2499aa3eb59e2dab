// How strong the signs are over time: a lane for each face and one for the voice, with its waveform, above one slider.

import { h, s } from "./dom.js";
import { place, thresholds } from "./scale.js";
import { length, t } from "./text.js";

const [WIDTH, HEIGHT] = [1000, 72];
const GAP = 1.0;
const PAUSE = 2.1; // between the runs of pictures of a long video that were looked at
const MOST = 8;

/** Return { element, show }: the lanes, and what moves their mark to a moment. */
export function lanes(scan, track, seek) {
  const report = scan.result.report;
  const end = Math.max(report.seconds ?? 0, track.peak_seconds ?? 0, 0.1);
  const faces = [...report.faces].sort((a, b) => (b.fake ?? 0) - (a.fake ?? 0)).slice(0, MOST).sort((a, b) => a.id - b.id);
  const drawn = faces.map((face) => faceLane(face, track, end, thresholds(scan.result), report.sampled ? PAUSE : GAP));
  const voiced = track.voice.some((one) => one[1] !== null);
  if (track.peaks.length && (voiced || !faces.length)) drawn.push(voiceLane(track, end, thresholds(scan.result, true)));
  const slider = h("input", { type: "range", min: 0, max: end, step: 0.1, value: 0, class: "seek", oninput: () => seek(Number(slider.value)) });
  const marks = drawn.map((lane) => lane.mark);
  function show(at) {
    const x = Math.min(at / end, 1) * WIDTH;
    marks.forEach((mark) => { mark.setAttribute("x1", x); mark.setAttribute("x2", x); });
    slider.value = at;
    slider.setAttribute("aria-valuetext", length(at));
    slider.setAttribute("aria-label", t("result.seek", { seconds: at }));
  }
  show(0);
  if (!drawn.length) return { element: null, show: () => {} };
  const clicked = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    seek(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * end);
  };
  drawn.forEach((lane) => lane.drawing.addEventListener("click", clicked));
  return {
    element: h("div", { class: "lanes" },
      h("div", { class: "row between" }, h("h2", {}, t("result.timeline")), h("p", { class: "soft small" }, t("result.timeline.hint"))),
      drawn.map((lane) => h("div", { class: "lane" }, h("span", { class: "lane-name" }, lane.name), lane.drawing)),
      h("div", { class: "lane" }, h("span", { class: "lane-name soft" }, length(end)), slider)),
    show,
  };
}

function lane(name, label, ...children) {
  const mark = s("line", { class: "mark", y1: 0, y2: HEIGHT, x1: 0, x2: 0 });
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, children, mark);
  return { name, drawing, mark };
}

const y = (p, at) => HEIGHT - 3 - place(p, at) * (HEIGHT - 6);

/** The lines at which "cannot tell" and "strong signs" begin. */
function grid() {
  return [1, 2].map((n) => s("line", { class: `grid g${n}`, x1: 0, x2: WIDTH, y1: HEIGHT - 3 - (n / 3) * (HEIGHT - 6), y2: HEIGHT - 3 - (n / 3) * (HEIGHT - 6) }));
}

function faceLane(face, track, end, at, gap) {
  const points = [];
  for (const [moment, faces] of track.moments) {
    const found = faces.find((one) => one[0] === face.id);
    if (found && found[1] !== null) points.push([moment, found[1]]);
  }
  const highest = Math.max(0, ...points.map((point) => point[1]));
  return lane(t("result.face", { n: face.id }), t("result.timeline.face", { n: face.id, share: highest }), grid(), curve(points, end, at, gap));
}

function voiceLane(track, end, at) {
  const points = track.voice.filter((one) => one[1] !== null).map((one) => [one[0], one[1]]);
  const highest = Math.max(0, ...points.map((point) => point[1]));
  const step = WIDTH * ((track.peak_seconds || end) / end) / track.peaks.length;
  const loudest = Math.max(0.05, ...track.peaks);
  const bars = track.peaks.map((peak, i) => {
    const half = Math.max(0.7, (peak / loudest) * (HEIGHT / 2 - 4));
    return `M${(i * step).toFixed(1)} ${(HEIGHT / 2 - half).toFixed(1)}V${(HEIGHT / 2 + half).toFixed(1)}`;
  });
  return lane(t("result.voice"), `${t("result.wave")}. ${t("result.timeline.voice", { share: highest })}`,
    s("path", { class: "wave", d: bars.join("") }), grid(), curve(points, end, at, 2.5));
}

/** Draw probabilities over time; a gap in the scores is a gap in the line, and the colour tells the verdict. */
function curve(points, end, at, gap) {
  const parts = [];
  let last = -Infinity;
  for (const [moment, p] of points) {
    if (moment - last > gap) parts.push([]);
    parts.at(-1).push([(moment / end) * WIDTH, y(p, at), p]);
    last = moment;
  }
  return parts.map((part) => {
    if (part.length === 1) return s("circle", { class: "dot", cx: part[0][0], cy: part[0][1], r: 3 });
    const line = part.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L");
    return [
      s("path", { class: "area", d: `M${line}L${part.at(-1)[0].toFixed(1)} ${HEIGHT}L${part[0][0].toFixed(1)} ${HEIGHT}Z` }),
      s("path", { class: "curve", d: `M${line}`, "vector-effect": "non-scaling-stroke" }),
      stretches(part, at),
    ];
  });
}

/** Draw once more, in red, what lies above the threshold. */
function stretches(part, at) {
  const lines = [];
  let open = null;
  for (const [px, py, p] of part) {
    if (p < at.fake) open = null;
    else if (open === null) lines.push((open = [[px, py]]));
    else open.push([px, py]);
  }
  return lines.filter((one) => one.length > 1).map((one) =>
    s("path", { class: "curve fake", d: `M${one.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L")}`, "vector-effect": "non-scaling-stroke" }));
}

