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
        const [now, then] = [page.getElementById("live"), document.getElementById("live")];
        if (now && then && now.innerHTML !== then.dataset.was) {
          then.dataset.was = now.innerHTML;
          const at = document.activeElement && then.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
          then.innerHTML = now.innerHTML;
          zone(then);
          tick();
          if (at) { const link = then.querySelector(`a[href="${CSS.escape(at)}"]`); if (link) link.focus({ preventScroll: true }); }
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
