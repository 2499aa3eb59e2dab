// The alerts of cameras and calls: of all or of one stream, with what was kept of each, to look at and to delete.

import { call } from "./api.js";
import { announce, ask, h, icon } from "./dom.js";
import { t, when } from "./text.js";

/** Return { element, draw, streams }: the list, what reads it anew, and what tells it which streams there are. */
export function alertList() {
  const list = h("ul", { class: "results" });
  const which = h("select", { id: "which", onchange: () => draw() });
  async function draw() {
    const page = await call("GET", `/api/v1/alerts?limit=20&stream=${which.value}`);
    if (page.items.length) list.replaceChildren(...page.items.map((alert) => row(alert, draw)));
    else list.replaceChildren(h("li", { class: "empty" }, t("live.alerts.none")));
  }
  function streams(known) {
    const chosen = which.value;
    which.replaceChildren(h("option", { value: "" }, t("live.alerts.all")), ...known.map((one) => h("option", { value: one.id }, one.name)));
    which.value = known.some((one) => one.id === chosen) ? chosen : "";
    if (which.value !== chosen) draw();
  }
  streams([]);
  return {
    element: h("section", {}, h("div", { class: "row between" }, h("h2", {}, t("live.alerts")),
      h("div", { class: "row" }, h("label", { for: "which" }, t("live.alerts.of")), which)), list),
    draw,
    streams,
  };
}

/** Return of whom an alert is. */
export function subject(alert) {
  const [kind, number] = alert.subject.split(" ");
  return kind === "face" ? t("live.alert.face", { n: number }) : t(`live.alert.${kind}`);
}

function row(alert, draw) {
  const values = { subject: subject(alert), name: alert.participant ?? alert.source, share: alert.probability };
  const remove = async () => {
    if (!(await ask(t("live.alert.delete.sure"), t("result.delete.yes"), t("result.delete.no")))) return;
    await call("DELETE", `/api/v1/alerts/${alert.id}`).catch(() => {});
    announce(t("live.alert.deleted"));
    draw();
  };
  const label = t("live.alert.delete", values);
  return h("li", { class: "result alert" },
    alert.picture ? h("img", { class: "thumb", src: alert.picture, alt: t("live.alert.picture", values), loading: "lazy" }) : h("span", { class: "thumb" }, icon("bell")),
    h("span", { class: "what" }, h("span", { class: "name" }, t("live.alert", values)),
      h("span", { class: "soft" }, `${when(alert.raised)} · ${alert.cleared ? t("live.alert.cleared", { date: when(alert.cleared) }) : t("live.alert.open")}`)),
    alert.clip ? h("a", { class: "button plain small", href: alert.clip, target: "_blank", rel: "noopener" }, t("live.alert.clip")) : null,
    h("button", { class: "plain small", type: "button", "aria-label": label, title: label, onclick: remove }, icon("trash")));
}
