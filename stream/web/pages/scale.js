// Where the estimate lies between "no signs" and "strong signs". The three parts are drawn equally wide whatever the
// thresholds are, so that the eye reads the verdict and not the numbers.

import { h } from "./dom.js";
import { percent, t } from "./text.js";

/** Return the thresholds that decided: { fake, real }. */
export function thresholds(result, voice = false) {
  const still = result.report.kind === "image" && result.report.faces.some((face) => face.evidence === "synthesised");
  const task = voice || result.report.kind === "audio" ? "voice" : still ? "face-still" : "face-window";
  const model = result.models.find((one) => one.task === task);
  return { fake: model?.thresholds.fake ?? 0.8, real: model?.thresholds.real ?? 0.3 };
}

/** Return the share of the width, 0..1, at which a probability stands. */
export function place(p, { fake, real }) {
  if (p < real) return (p / real) / 3;
  if (p < fake) return 1 / 3 + (p - real) / (fake - real) / 3;
  return 2 / 3 + (p - fake) / Math.max(1 - fake, 1e-9) / 3;
}

/** Return the drawing for a finished job; null where nothing was scored. */
export function scale(scan) {
  const report = scan.result.report;
  const p = report.fake_probability;
  if (p === null) return null;
  const voice = report.voice_probability !== null && report.voice_probability === p;
  const pin = h("span", { class: "pin" });
  pin.style.left = `${Math.min(Math.max(place(p, thresholds(scan.result, voice)), 0.01), 0.99) * 100}%`;
  const zone = (status) => h("span", { class: `zone ${status}${status === scan.status ? " on" : ""}` }, t(`status.${status}`));
  return h("div", { class: "scale" },
    h("p", { class: "figure" }, h("b", {}, percent(p)), h("span", { class: "soft" }, t("result.probability"))),
    h("div", { class: "bar", "aria-hidden": "true" }, zone("real"), zone("uncertain"), zone("fake"), pin));
}
