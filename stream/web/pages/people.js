// Who may sign in, for administrators: add somebody, change role and password, remove.

import { call } from "./api.js";
import { announce, ask, h, icon } from "./dom.js";
import { t, when } from "./text.js";

const ROLES = ["viewer", "operator", "admin"];

/** Show the page. */
export async function show(main) {
  const list = h("ul", { class: "results" });
  const why = h("p", { class: "error", role: "alert" });
  async function draw() {
    const { items } = await call("GET", "/api/v1/users");
    if (items.length) list.replaceChildren(...items.map((user) => row(user, draw, why)));
    else list.replaceChildren(h("li", { class: "empty" }, t("people.none")));
  }
  main.append(h("div", { class: "stack tight" }, h("h1", {}, t("people.title")), h("p", { class: "soft" }, t("people.lead"))), list, form(list, draw, why));
  try {
    await draw();
  } catch (error) {
    main.replaceChildren(h("h1", {}, t("people.title")), h("p", { class: "error" }, error.message));
  }
}

function row(user, draw, why) {
  const label = t("people.remove", { name: user.name });
  const remove = async () => {
    if (!(await ask(t("people.remove.sure", { name: user.name }), t("people.remove.yes"), t("result.delete.no")))) return;
    await changed(() => call("DELETE", `/api/v1/users/${encodeURIComponent(user.name)}`), draw, why);
  };
  return h("li", { class: "result" },
    h("span", { class: "what" }, h("span", { class: "name" }, user.name), h("span", { class: "soft" }, `${t(`people.role.${user.role}`)} · ${when(user.created)}`)),
    h("button", { class: "plain small", type: "button", "aria-label": label, title: label, onclick: remove }, icon("trash")));
}

function form(list, draw, why) {
  const name = h("input", { id: "who", type: "text", required: true, autocomplete: "off", maxlength: 60 });
  const password = h("input", { id: "secret", type: "password", required: true, autocomplete: "new-password" });
  const role = h("select", { id: "role" }, ROLES.map((one) => h("option", { value: one }, t(`people.role.${one}`))));
  const submit = async (event) => {
    event.preventDefault();
    const wish = { name: name.value.trim(), role: role.value, password: password.value };
    const first = !list.querySelector("button");
    if (!(await changed(() => call("POST", "/api/v1/users", wish), first ? () => location.assign("/") : draw, why))) return;
    name.value = password.value = "";
  };
  return h("form", { class: "card stack", onsubmit: submit }, h("h2", {}, t("people.add")),
    h("div", { class: "filters" },
      h("div", { class: "field grow" }, h("label", { for: "who" }, t("signin.name")), name),
      h("div", { class: "field" }, h("label", { for: "secret" }, t("signin.password")), password),
      h("div", { class: "field" }, h("label", { for: "role" }, t("people.role")), role),
      h("button", {}, t("people.go"))), why);
}

async function changed(act, draw, why) {
  why.textContent = "";
  try {
    await act();
    announce(t("people.saved"));
    await draw();
    return true;
  } catch (error) {
    why.textContent = error.message;
    return false;
  }
}
