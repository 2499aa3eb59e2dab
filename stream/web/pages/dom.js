// Elements without a framework. Text is only ever set as text, so nothing that a file is called can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: h("button", { class: "x", onclick: f }, "text", child, ...). */
export function h(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  set(element, options);
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make an element of a drawing. */
export function s(tag, options = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(options)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter(Boolean));
  return element;
}

function set(element, options) {
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value" || name === "checked" || name === "htmlFor") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
}

const PATHS = {
  video: "M4 6h11v12H4zM15 10l5-3v10l-5-3",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  audio: "M5 10v4M9 7v10M13 4v16M17 8v8M21 11v2",
  none: "M6 3h8l4 4v14H6zM14 3v4h4",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 16a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  call: "M4 5h12v9H9l-5 4zM19 9h1v11l-4-3h-6",
  code: "M8 8l-4 4 4 4M16 8l4 4-4 4M13 5l-2 14",
  fake: "M12 3.5L21.5 20h-19zM12 10v4.5M12 17.2v.1",
  uncertain: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M9.3 9.2a2.8 2.8 0 1 1 4.2 2.5c-.9.5-1.5 1-1.5 2M12 16.8v.1",
  real: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8 12.2l2.8 2.8L16 9.5",
  error: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M9 9l6 6M15 9l-6 6",
  running: "M12 3a9 9 0 1 0 9 9",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  close: "M6 6l12 12M18 6L6 18",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13M15.5 15.5L21 21",
  report: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  data: "M9 4c-3 0-1 7-4 8 3 1 1 8 4 8M15 4c3 0 1 7 4 8-3 1-1 8-4 8",
  zip: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
};

/** Return a line drawing that only decorates. */
export function icon(name, extra = "") {
  return s("svg", { class: `icon ${extra}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, s("path", { d: PATHS[name] ?? PATHS.none }));
}

let spoken = null;

/** Say something to those who listen to a screen reader. */
export function announce(text) {
  spoken ??= document.body.appendChild(h("p", { class: "hush", role: "status", "aria-live": "polite" }));
  spoken.textContent = text;
}

/** Ask before something that cannot be undone; resolve to true where the answer is yes. */
export function ask(question, yes, no) {
  return new Promise((resolve) => {
    const end = (answer) => {
      resolve(answer);
      dialog.close();
      dialog.remove();
    };
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-question", oncancel: () => end(false) },
      h("p", { id: "ask-question" }, question),
      h("div", { class: "row end" },
        h("button", { class: "plain", type: "button", onclick: () => end(false) }, no),
        h("button", { class: "danger", type: "button", onclick: () => end(true) }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
