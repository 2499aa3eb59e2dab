// A picture with a box around each face.

import { h, s } from "./dom.js";
import { percent, t } from "./text.js";

/** Return the picture with its boxes. */
export function picture(scan, track) {
  if (!scan.poster || !track.width) return null;
  const faces = new Map(scan.result.report.faces.map((face) => [face.id, face]));
  return h("section", { class: "card playing" },
    boxed(scan.poster, t("result.picture.alt"), track.width, track.height,
      track.boxes.map(([id, ...box]) => ({ box, status: faces.get(id)?.status ?? "none", label: `${t("result.face", { n: id })}  ${percent(faces.get(id)?.fake)}` }))));
}

/** Return a picture with boxes over it; boxes are { box: [left, top, right, bottom] in px, status, label }. */
export function boxed(src, alt, width, height, boxes) {
  const size = Math.max(width, height) / 45;
  const drawn = boxes.map(({ box: [left, top, right, bottom], status, label }) => {
    const above = top > size * 2;
    return s("g", { class: `mark ${status}` },
      s("rect", { class: "under", x: left, y: top, width: right - left, height: bottom - top, rx: size / 2.4, "stroke-width": size / 3 }),
      s("rect", { x: left, y: top, width: right - left, height: bottom - top, rx: size / 2.4, "stroke-width": size / 6 }),
      label ? s("text", { x: left, y: above ? top - size / 2 : bottom + size * 1.3, "font-size": size, "stroke-width": size / 5 }, document.createTextNode(label)) : null);
  });
  return h("div", { class: "boxed" }, h("img", { src, alt, loading: "lazy" }),
    s("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, drawn));
}
