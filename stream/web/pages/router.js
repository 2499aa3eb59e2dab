// Going from page to page without loading anew.

import { t } from "./text.js";

let moved = () => {};

/** Have a function called whenever another page is to be shown. */
export function onMove(show) {
  moved = show;
}

/** Go to another page of the interface. */
export function go(path) {
  history.pushState({}, "", path);
  return moved();
}

/** Set what the browser calls the page. */
export function title(text) {
  document.title = `${text} - ${t("app.name")}`;
}
