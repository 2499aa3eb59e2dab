// One click deeper: figures, thresholds, reasons, hashes, and what the method cannot do.

import { h } from "./dom.js";
import { bytes, percent, reasons, t, when } from "./text.js";

/** Return the details of a finished job. */
export function details(scan) {
  const result = scan.result;
  return h("details", { class: "card" }, h("summary", {}, t("result.details")),
    h("h3", {}, t("result.details.file")), facts(scan, result),
    scores(result.report),
    notes(result.report),
    credentials(result.credentials),
    h("h3", {}, t("result.details.models")), models(result),
    h("h3", {}, t("result.details.limits")), h("ul", {}, [1, 2, 3, 4].map((n) => h("li", {}, t(`result.limit.${n}`)))));
}

const pair = (key, value) => [h("dt", {}, t(key)), h("dd", {}, value)];
const code = (text) => h("code", {}, text);

function facts(scan, result) {
  return h("dl", {}, pair("result.details.name", scan.name), pair("result.details.size", bytes(result.size)),
    pair("result.details.sha", code(result.sha256)),
    pair("result.details.origin", scan.origin === "upload" ? t("result.details.upload") : scan.origin),
    pair("result.details.checked", `${when(scan.finished)}, ${result.software}`));
}

function notes(report) {
  const told = report.notes ?? [];
  return told.length ? [h("h3", {}, t("result.details.notes")), h("ul", {}, told.map((note) => h("li", {}, note)))] : null;
}

function credentials(told) {
  if (!told) return null;
  const rows = ["signer", "time", "generator"].filter((key) => told[key]).map((key) => pair(`result.credentials.${key}`, told[key]));
  if (told.actions?.length) rows.push(pair("result.credentials.actions", told.actions.join(", ")));
  return [h("h3", {}, t("result.credentials")), h("p", {}, t(`result.credentials.${told.state}`)),
    told.generated ? h("p", {}, h("b", {}, t("result.credentials.generated"))) : null,
    rows.length ? h("dl", {}, rows) : null, h("p", { class: "soft" }, t("result.credentials.note"))];
}

function scores(report) {
  const rows = report.faces.map((face) => [t("result.face", { n: face.id }), percent(face.fake), t(`status.long.${face.status}`), reasons(face.reasons), face.frames]);
  if (report.voice_probability !== null) rows.push([t("result.voice"), percent(report.voice_probability), "", "", ""]);
  if (!rows.length) return null;
  const heads = ["subject", "score", "verdict", "reasons", "frames"].map((key) => h("th", { scope: "col" }, t(`result.details.${key}`)));
  return [h("h3", {}, t("result.details.scores")),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("result.details.scores") }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, String(cell))))))))];
}

function models(result) {
  return h("ul", { class: "models" }, result.models.map((model) => {
    const at = Object.entries(model.thresholds ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");
    return h("li", {}, h("b", {}, `${model.task ?? ""}: ${model.name ?? ""} ${model.version ?? ""}`),
      h("dl", {}, pair("result.details.engine", model.engine), pair("result.details.sha", code(model.sha256)),
        at ? pair("result.details.thresholds", at) : [], model.thresholds_sha256 ? pair("result.details.thresholds.sha", code(model.thresholds_sha256)) : []));
  }));
}
