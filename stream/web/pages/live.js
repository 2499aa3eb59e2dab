import { h } from "./dom.js";
import { t } from "./text.js";
export async function show(main) { main.append(h("h1", {}, t("live.title"))); }
