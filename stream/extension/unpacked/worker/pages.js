// Pages that the user has asked to be watched, besides those of the manifest.
const [{js: OWN}, {js: FILES}] = chrome.runtime.getManifest().content_scripts;

async function enter(tab) {
  const target = {tabId: tab, allFrames: true};
  await chrome.scripting.executeScript({target, files: OWN, world: "MAIN", injectImmediately: true});
  await chrome.scripting.executeScript({target, files: FILES, injectImmediately: true});
}

const there = tab => chrome.tabs.sendMessage(tab, {there: true}, {frameId: 0}).catch(() => false);

// A click lets the extension into the page until another site is opened in that tab.
export async function clicked(tab) {
  if (!(await there(tab.id))) await enter(tab.id).catch(() => {});
  const {clicked: before = []} = await chrome.storage.session.get("clicked");
  if (!before.includes(tab.id)) await chrome.storage.session.set({clicked: [...before, tab.id]});
}

export async function reloaded(tab) {
  const {clicked: before = []} = await chrome.storage.session.get("clicked");
  if (!before.includes(tab) || (await there(tab))) return;
  await enter(tab).catch(() => chrome.storage.session.set({clicked: before.filter(one => one !== tab)}));
}

// After an installation, pages of the sites that are open already.
export async function revive() {
  const {matches} = chrome.runtime.getManifest().content_scripts[0];
  for (const {id} of await chrome.tabs.query({url: matches})) if (!(await there(id))) await enter(id).catch(() => {});
}
