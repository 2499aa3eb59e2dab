// The frame of every page: header, which page is shown, signing in.

import { listen, meet, session, signIn, signOut } from "./api.js";
import { announce, h } from "./dom.js";
import { go, onMove, title } from "./router.js";
import { load, t } from "./text.js";

const PAGES = [
  { path: /^\/$/, module: "./home.js", nav: "/", title: "app.tagline" },
  { path: /^\/history$/, module: "./history.js", nav: "/history", title: "history.title" },
  { path: /^\/live$/, module: "./live.js", nav: "/live", title: "live.title" },
  { path: /^\/people$/, module: "./people.js", nav: "/people", title: "people.title" },
  { path: /^\/ways$/, module: "./ways.js", nav: "", title: "ways.title" },
  { path: /^\/scan\/(\w+)$/, module: "./result.js", nav: "", title: "" },
];
const NAV = [["/", "nav.check"], ["/history", "nav.history"], ["/live", "nav.live"], ["/call", "nav.call"]];
let leave = () => {};
let turn = 0;

function frame() {
  const links = NAV.map(([path, key]) => h("a", { href: path }, t(key)));
  document.body.replaceChildren(
    h("a", { class: "skip", href: "#main" }, t("app.skip")),
    h("header", { class: "top" },
      h("a", { class: "brand", href: "/" }, h("img", { src: "/assets/icon.svg", alt: "", width: 28, height: 28 }), t("app.name")),
      h("nav", { "aria-label": t("app.menu") }, links, h("a", { href: "/people", id: "people", hidden: true }, t("nav.people"))),
      h("button", { class: "plain small", id: "signout", type: "button", hidden: true, onclick: async () => { await signOut(); show(); } }, t("nav.signout"))),
    h("p", { class: "offline", id: "offline", role: "status", hidden: true }, t("app.offline")),
    h("main", { id: "main", tabindex: "-1" }),
    h("footer", {}, h("p", {}, t("app.footer")), h("p", {}, t("app.version", { version: session.version }))));
}

async function show(moved = false) {
  const mine = ++turn;
  const path = location.pathname;
  const page = PAGES.find((known) => known.path.test(path));
  leave();
  leave = () => {};
  document.querySelectorAll("header nav a").forEach((link) => {
    if (page && link.getAttribute("href") === page.nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  document.getElementById("signout").hidden = !session.csrf;
  document.getElementById("people").hidden = session.role !== "admin";
  const main = document.getElementById("main");
  main.replaceChildren();
  if (!page) return void main.append(h("h1", {}, t("app.notfound")), h("p", {}, h("a", { href: "/" }, t("app.home"))));
  if (session.needs_sign_in) return void main.append(signInForm());
  if (page.title) title(t(page.title));
  const module = await import(page.module);
  if (location.pathname !== path) return;
  const end = await module.show(main, ...path.match(page.path).slice(1));
  // Whoever has gone on meanwhile has another page's end to call later, and this one's now.
  if (mine !== turn) return void end?.();
  leave = end ?? leave;
  if (moved) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
    announce(document.title);
  }
}

function signInForm() {
  const field = (id, type, autocomplete) => h("input", { id, name: id, type, autocomplete });
  const why = h("p", { class: "error", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    const [name, password, token] = ["name", "password", "token"].map((id) => document.getElementById(id).value || null);
    try {
      await signIn({ name, password, token });
      await meet();
      show(true);
    } catch (error) {
      why.textContent = error.message;
    }
  };
  return h("form", { class: "card narrow stack", onsubmit: submit },
    h("h1", {}, t("signin.title")), h("p", { class: "soft" }, t("signin.lead")),
    h("label", { for: "name" }, t("signin.name")), field("name", "text", "username"),
    h("label", { for: "password" }, t("signin.password")), field("password", "password", "current-password"),
    h("label", { for: "token" }, t("signin.token")), field("token", "password", "off"),
    why, h("button", {}, t("signin.go")));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target) return;
  const path = link.getAttribute("href");
  if (link.hasAttribute("download") || !PAGES.some((page) => page.path.test(path))) return;
  event.preventDefault();
  go(path);
});
window.addEventListener("popstate", () => show(true));
// A file that misses the drop zone must not replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

onMove(() => show(true));
await load();
await meet();
frame();
await show();
if (!session.needs_sign_in) {
  listen((event) => {
    if (event.event === "online" || event.event === "offline") document.getElementById("offline").hidden = event.event === "online";
  });
}
