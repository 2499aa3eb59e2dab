// Each face by itself: the frame in which the signs are strongest, and its heat map.

import { h, icon } from "./dom.js";
import { boxed } from "./picture.js";
import { percent, reasons, t } from "./text.js";

/** Return a card a face; null where there is none. */
export function faceCards(scan, track, seek) {
  const faces = [...scan.result.report.faces].sort((a, b) => (b.fake ?? 0) - (a.fake ?? 0));
  if (!faces.length) return null;
  return h("section", { class: "stack" }, h("h2", {}, t("result.faces")), faces.map((face) => card(scan, track, face, seek)));
}

function card(scan, track, face, seek) {
  const pictures = scan.result.pictures;
  const base = `/api/v1/scans/${scan.id}/pictures`;
  const frame = pictures.frames[face.id];
  const heat = pictures.heat[face.id];
  const facts = [];
  if (scan.kind === "video") facts.push(t("result.seen", { from: face.first, to: face.last }));
  if (face.evidence) facts.push(t(`result.evidence.${face.evidence}`));
  if (face.reasons.length) facts.push(reasons(face.reasons));
  const shots = [];
  if (frame) {
    const whole = boxed(`${base}/${frame.name}`, t("result.frame.alt", { n: face.id }), track.width, track.height, [{ box: frame.box, status: face.status, label: "" }]);
    const caption = t("result.telling", { seconds: frame.t });
    shots.push(h("figure", {}, whole, h("figcaption", {}, seek ? h("button", { class: "link", type: "button", onclick: () => seek(frame.t, true) }, caption) : caption)));
  }
  if (heat) shots.push(h("figure", {}, h("img", { class: "heat", src: `${base}/${heat}`, alt: t("result.heat.alt", { n: face.id }), loading: "lazy" }), h("figcaption", {}, t("result.heat.text"))));
  return h("article", { class: "card face" },
    h("div", { class: "row between" }, h("h3", {}, t("result.face", { n: face.id })),
      h("span", { class: "row" }, h("span", { class: `badge ${face.status}` }, icon(face.status), t(`status.${face.status}`)), h("b", { class: "figure" }, percent(face.fake)))),
    facts.length ? h("p", { class: "soft" }, facts.join(" · ")) : null,
    shots.length ? h("div", { class: "shots" }, shots) : null);
}
