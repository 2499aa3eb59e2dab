// All results: search, filter, delete.

import { call, listen } from "./api.js";
import { announce, ask, h, icon } from "./dom.js";
import { row } from "./list.js";
import { t } from "./text.js";

/** Show the page; return what ends it. */
export async function show(main) {
  const wish = { q: "", status: "", kind: "" };
  const list = h("ul", { class: "results" });
  const count = h("p", { class: "soft", role: "status" });
  const more = h("button", { class: "plain", type: "button", hidden: true, onclick: () => load(true) }, t("history.more"));
  let next = null;
  let number = 0;

  async function load(further = false) {
    const mine = ++number;
    const query = new URLSearchParams({ limit: 25, ...wish });
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    if (further && next) query.set("cursor", next);
    const page = await call("GET", `/api/v1/scans?${query}`);
    if (mine !== number) return;
    const rows = page.items.map((scan) => row(scan, removal(scan)));
    if (further) list.append(...rows);
    else list.replaceChildren(...rows);
    next = page.next;
    more.hidden = next === null;
    count.textContent = page.total ? t("history.count", { n: page.total }) : t("history.none");
  }

  function removal(scan) {
    const label = t("history.delete", { name: scan.name });
    return h("button", { class: "plain small", type: "button", "aria-label": label, title: label, onclick: async () => {
      if (!(await ask(t("result.delete.sure"), t("result.delete.yes"), t("result.delete.no")))) return;
      await call("DELETE", `/api/v1/scans/${scan.id}`).catch(() => {});
      announce(t("history.deleted", { name: scan.name }));
      load();
    } }, icon("trash"));
  }

  let timer = 0;
  const soon = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(load, wait);
  };
  const choice = (name, values, prefix) => h("select", { id: name, onchange: (event) => { wish[name] = event.target.value; load(); } },
    h("option", { value: "" }, t("history.all")), values.map((value) => h("option", { value }, t(`${prefix}.${value}`))));
  main.append(h("h1", {}, t("history.title")),
    h("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); load(); } },
      h("div", { class: "field grow" }, h("label", { for: "q" }, t("history.search")), h("input", { id: "q", type: "search", oninput: (event) => { wish.q = event.target.value; soon(250); } })),
      h("div", { class: "field" }, h("label", { for: "status" }, t("history.verdict")), choice("status", ["fake", "uncertain", "real", "error"], "status.long")),
      h("div", { class: "field" }, h("label", { for: "kind" }, t("history.kind")), choice("kind", ["video", "image", "audio"], "kind"))),
    count, list, h("div", { class: "row centre" }, more));
  await load();
  return listen((event) => {
    if (event.event === "scan" && (event.state === "done" || event.state === "failed" || event.state === "queued")) soon(300);
  });
}
