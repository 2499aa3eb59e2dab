// What a site calls the person in a picture. Sites change: where nothing is found, the person keeps a number.
var truefeed = globalThis.truefeed ||= {};
truefeed.names ||= (() => {
  // host -> [the tile around a picture, where in it the name stands, the attribute it is (none: the text)]
  const SITES = [
    [/(^|\.)meet\.google\.com$/, "[data-participant-id]", ".notranslate, [data-self-name]"],
    [/(^|\.)teams\.(microsoft\.com|live\.com|cloud\.microsoft)$/, "[data-tid^='video-tile'], [data-cid='calling-participant-stream'], [data-stream-type]", "[data-tid='participant-name'], .ui-text"],
    [/(^|\.)zoom\.us$/, ".gallery-video-container__video-frame, .speaker-active-container__video-frame, .video-avatar__avatar, [class*='video-frame']", ".video-avatar__avatar-footer, [class*='footer']"],
    [/(^|\.)(meet\.jit\.si|8x8\.vc)$/, ".videocontainer, [id^='participant_']", ".displayname, [id$='_name']"],
    [/(^|\.)whereby\.com$/, "[data-clientid], [data-testid*='video-tile' i], [class*='VideoSticker' i]", "[data-testid*='name' i], [class*='name' i]"],
  ];
  const GENERAL = ["[data-participant-name]", "[data-display-name]", "[data-displayname]", "[data-name]", ".participant-name", ".display-name", ".displayname", "figcaption"];
  const ATTRIBUTES = ["data-participant-name", "data-display-name", "data-displayname", "data-name"];
  const site = SITES.find(([host]) => host.test(location.hostname));

  function clean(text) {
    return (text || "").replace(/[^\p{L}\p{N} .'()-]+/gu, " ").replace(/\s+/g, " ").trim().slice(0, 40);
  }

  function within(tile, query) {
    for (const found of [...(tile.matches(query) ? [tile] : []), ...tile.querySelectorAll(query)]) {
      const attribute = ATTRIBUTES.find(name => found.hasAttribute(name));
      const name = clean(attribute ? found.getAttribute(attribute) : found.textContent);
      if (name) return name;
    }
    return "";
  }

  // A name within the largest part of the page around a picture that holds no other one.
  function general(video) {
    const labelled = clean(video.getAttribute("aria-label") || video.title);
    for (let part = video, up = 0; part && up < 6 && part.querySelectorAll("video").length <= 1; part = part.parentElement, up++) {
      const name = within(part, GENERAL.join(","));
      if (name) return name;
    }
    return labelled;
  }

  return {
    of(video) {
      const tile = site && video.closest(site[1]);
      return (tile && (within(tile, site[2]) || clean(tile.getAttribute("aria-label")))) || general(video);
    },
  };
})();
