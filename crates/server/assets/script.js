// What is live on the pages of Ekiden. Without it everything can be read; nothing here makes markup: what it inserts, the server wrote and escaped.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  // Times: in the reader's zone, and those that go on.
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
  const two = (number) => String(number).padStart(2, "0");
  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return s + " s";
    return s < 3600 ? `${Math.floor(s / 60)} m ${two(s % 60)} s` : `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} m`;
  };
  const ago = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 10) return "now";
    if (s < 60) return s + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 86400) return Math.floor(s / 3600) + " h ago";
    return s < 172800 ? "yesterday" : Math.floor(s / 86400) + " days ago";
  };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const zone = (within) => {
    for (const time of within.querySelectorAll("time[data-at]")) put(time, local.format(new Date(time.dateTime)));
    for (const time of within.querySelectorAll("time[data-ago]")) time.title = local.format(new Date(time.dateTime));
  };
  const tick = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-since]")) put(time, span(now - Date.parse(time.dateTime)));
    for (const time of document.querySelectorAll("time[data-ago]")) put(time, ago(now - Date.parse(time.dateTime)));
  };
  // Whether nobody tells what goes on: then no clock says that it does.
  let isLost = false;
  // What the server sent last, as it sent it: what the reader did to the page, and what a clock wrote there, is not in it.
  let sent = document.getElementById("live");
  sent = sent && sent.cloneNode(true);
  zone(document);
  tick();
  setInterval(() => { if (!document.hidden && !isLost) tick(); }, 1000);

  const lost = document.getElementById("lost");
  const tell = (is) => {
    isLost = is;
    put(lost, is ? "Not live: trying again" : "");
    if (!is) tick();
  };
  // A stream of news. Nobody streams to a page that is not seen: browsers have few connections for one server. A stream that was answered once with
  // anything but news, as by a proxy whose server starts anew, is over for a browser: we ask again, first whether the page may still be read.
  const listen = (address, heard) => {
    let source = null, wait = 0, isOver = false;
    const close = () => {
      clearTimeout(wait);
      wait = 0;
      if (source) source.close();
      source = null;
    };
    const later = () => {
      close();
      wait = setTimeout(ask, 3000 + 2000 * Math.random());
    };
    const ask = async () => {
      const mine = wait;
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(20000) });
        if (wait !== mine) return;
        // The door, or that there is nothing here any more: the page itself says it best.
        if (answer.redirected || answer.status === 403 || answer.status === 404) { location.reload(); return; }
        if (answer.ok) open(); else later();
      } catch { if (wait === mine) later(); }
    };
    const open = () => {
      close();
      const stream = source = new EventSource(address());
      stream.addEventListener("open", () => tell(false));
      stream.addEventListener("error", () => {
        if (source !== stream) return;
        tell(true);
        if (stream.readyState === EventSource.CLOSED) later();
      });
      for (const [kind, hear] of Object.entries(heard)) stream.addEventListener(kind, hear);
    };
    const look = () => {
      if (isOver) return;
      if (document.hidden) close(); else if (!source && !wait) open();
    };
    document.addEventListener("visibilitychange", look);
    addEventListener("pagehide", close);
    addEventListener("pageshow", look);
    look();
    // Nothing more comes.
    return () => { isOver = true; close(); };
  };

  // Takes over what differs between what the server sent last and what it sends now. All else stays: a button that is being pressed, what has the
  // focus, what is unfolded, what is marked.
  const isNamed = (node) => Boolean(node.id || (node.dataset && node.dataset.key));
  const keyOf = (node) => `${node.nodeName} ${node.id || ""} ${(node.dataset && node.dataset.key) || ""}`;
  const adopt = (here, was, now) => {
    if (was.isEqualNode(now)) return here;
    const isOther = was.nodeName !== now.nodeName || here.nodeName !== was.nodeName || here.childNodes.length !== was.childNodes.length;
    if (isOther || !now.hasChildNodes()) {
      const other = document.importNode(now, true);
      here.replaceWith(other);
      return other;
    }
    for (const { name } of was.attributes) if (!now.hasAttribute(name)) here.removeAttribute(name);
    for (const { name, value } of now.attributes) if (was.getAttribute(name) !== value) here.setAttribute(name, value);
    const [ours, old, news] = [here, was, now].map((node) => [...node.childNodes]);
    const same = (a, b) => keyOf(old[a]) === keyOf(news[b]);
    let [from, to, end] = [0, old.length, news.length];
    while (from < to && from < end && same(from, from)) { adopt(ours[from], old[from], news[from]); from += 1; }
    while (to > from && end > from && same(to - 1, end - 1)) { to -= 1; end -= 1; ours[to] = adopt(ours[to], old[to], news[end]); }
    // Between what is alike at both ends some came, some went.
    let at = from;
    for (let b = from; b < end; b += 1) {
      // What has no name of its own is not looked for.
      const last = isNamed(news[b]) ? to : Math.min(to, at + 1);
      let found = at;
      while (found < last && !same(found, b)) found += 1;
      if (found >= last) { here.insertBefore(document.importNode(news[b], true), ours[at] || null); continue; }
      for (; at < found; at += 1) ours[at].remove();
      adopt(ours[at], old[at], news[b]);
      at += 1;
    }
    for (; at < to; at += 1) ours[at].remove();
    return here;
  };

  // Pages that are read again when something changed.
  const live = document.body.dataset.live;
  if (live) {
    let reading = false, again = false;
    const read = async () => {
      if (reading) { again = true; return; }
      reading = true;
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        if (answer.redirected) { location.reload(); return; }
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const [now, here] = [page.getElementById("live"), document.getElementById("live")];
        if (now && here && !sent.isEqualNode(now)) {
          const focus = here.contains(document.activeElement) ? document.activeElement : null;
          adopt(here, sent, now);
          sent = now;
          zone(document);
          tick();
          const href = focus && !focus.isConnected && focus.getAttribute("href");
          const link = href && document.querySelector(`#live a[href="${CSS.escape(href)}"]`);
          if (link) link.focus({ preventScroll: true });
        }
        document.title = page.title;
        const [icon, new_icon] = [document.querySelector("link[rel=icon]"), page.querySelector("link[rel=icon]")];
        if (icon && new_icon && icon.href !== new_icon.href) icon.href = new_icon.href;
      } catch { /* The stream says when the server is back. */ } finally {
        reading = false;
        if (again) { again = false; setTimeout(read, 100); }
      }
    };
    // What changed while nobody listened was not told.
    listen(() => live, { change: read, open: read });
  }

  window.ekiden = { clock, listen, put, tick, zone };
})();
