// The picture and the sound of a whole tab, where a page decodes by itself and there are no tracks to pass on.
export async function capture(tab) {
  await release();
  const streamId = await chrome.tabCapture.getMediaStreamId({targetTabId: tab.id});
  const title = (tab.title || "tab").slice(0, 40);
  await chrome.offscreen.createDocument({
    url: `offscreen/capture.html#${new URLSearchParams({streamId, tab: tab.id, title})}`,
    reasons: ["USER_MEDIA"],
    justification: "passes the picture and the sound of a tab on to the user's own truefeed",
  });
}

export async function release() {
  if (await chrome.offscreen.hasDocument()) await chrome.offscreen.closeDocument().catch(() => {});
}
