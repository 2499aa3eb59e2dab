// All that is stored: where truefeed is, its token, and whether to watch.
const DEFAULTS = {server: "http://localhost:5000", token: "", on: true, sites: []};

// Pages and what runs in them have no business with the token.
const ready = chrome.storage.local.setAccessLevel?.({accessLevel: "TRUSTED_CONTEXTS"}).catch(() => {});

export async function settings() {
  await ready;
  return chrome.storage.local.get(DEFAULTS);
}

export async function store(changes) {
  await chrome.storage.local.set(changes);
}

// The address of a server as it is used: scheme, host and port. Null where it is none.
export function address(text) {
  try {
    const url = new URL(text.includes("://") ? text : `http://${text}`);
    return ["http:", "https:"].includes(url.protocol) && url.hostname ? url.origin : null;
  } catch { return null; }
}
