// The picture and the sound of a whole tab, where a page decodes by itself and there are no tracks to pass on.
let tab;

export const captured = () => tab;

export async function capture(from) {
  if (tab !== undefined) await release();
  const streamId = await chrome.tabCapture.getMediaStreamId({targetTabId: from.id});
  const title = (from.title || "tab").slice(0, 40);
  await chrome.offscreen.createDocument({
    url: `offscreen/capture.html#${new URLSearchParams({streamId, tab: from.id, title})}`,
    reasons: ["USER_MEDIA"],
    justification: "passes the picture and the sound of a tab on to the user's own truefeed",
  });
  tab = from.id;
}

export async function release() {
  tab = undefined;
  await chrome.offscreen.closeDocument().catch(() => {});
}
