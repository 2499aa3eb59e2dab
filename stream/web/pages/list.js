// One result in a list.

import { h, icon } from "./dom.js";
import { ago, bytes, length, percent, t } from "./text.js";

/** Return what is known of a job in two words: the verdict, or where it is. */
export function badge(scan) {
  if (scan.state === "done" || scan.state === "failed") {
    const status = scan.status ?? "error";
    return h("span", { class: `badge ${status}` }, icon(status), t(`status.${status}`));
  }
  return h("span", { class: "badge running" }, icon("running", "spin"), t(`state.${scan.state}`));
}

/** Return a row that leads to the result; `more` comes after it. */
export function row(scan, ...more) {
  const facts = [t(`kind.${scan.kind ?? "none"}`)];
  if (scan.seconds) facts.push(length(scan.seconds));
  if (scan.size) facts.push(bytes(scan.size));
  facts.push(ago(scan.created));
  const going = scan.state === "running" || scan.state === "queued";
  return h("li", { class: "result", "data-id": scan.id },
    h("a", { href: `/scan/${scan.id}`, class: "body" },
      scan.poster ? h("img", { class: "thumb", src: scan.poster, alt: "", loading: "lazy" }) : h("span", { class: "thumb" }, icon(scan.kind ?? "none")),
      h("span", { class: "what" }, h("span", { class: "name" }, scan.name), h("span", { class: "soft" }, facts.join(" · ")),
        going ? h("progress", { max: 1, value: scan.progress, "aria-label": t("result.progress") }) : null),
      h("span", { class: "verdict" }, badge(scan),
        scan.fake_probability === null ? null : h("span", { class: "figure" }, percent(scan.fake_probability)))),
    ...more);
}
