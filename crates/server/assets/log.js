// The log of a job: rows that come when they are wanted, and those of a job that goes on. Behind script.js, on pages of jobs alone.
"use strict";
(() => {
  const { clock, listen, put, tick, zone } = window.ekiden;
  const root = document.documentElement;
  const log = document.querySelector(".log");
  const steps = document.getElementById("steps");
  const said = document.getElementById("said");
  const most = 5000;
  const rowOf = (element) => element.classList.contains("r") ? element : element.querySelector(".r");
  const numberOf = (element) => { const row = rowOf(element); return row && row.id ? Number(row.id.slice(1)) - 1 : NaN; };
  // The first row of an element: of rows that are not shown too.
  const at = (element) => element.classList.contains("more") ? Number(element.dataset.from) : numberOf(element);
  const earlier = "earlier lines";
  // A link to rows that are not shown.
  const link = (from, to, text) => {
    const more = document.createElement("a");
    more.className = "more";
    return say(more, from, to, text);
  };
  const say = (more, from, to, text) => {
    more.dataset.from = from;
    more.dataset.to = to;
    more.dataset.text = text;
    // Who goes back wants the last of them.
    if (text === earlier) more.dataset.back = "1";
    more.href = `?from=${from}#L${from + 1}`;
    more.textContent = `${(to - from).toLocaleString("en")} ${text}`;
    return more;
  };
  const markup = (html) => { const holder = document.createElement("template"); holder.innerHTML = html; return holder.content; };
  const stamp = (within) => {
    if (!log.classList.contains("timed")) return;
    for (const row of within.querySelectorAll(".r")) row.firstElementChild.dataset.t = clock.format(new Date(Number(row.dataset.ms)));
  };

  const times = document.getElementById("times");
  times.addEventListener("click", () => {
    times.setAttribute("aria-pressed", String(log.classList.toggle("timed")));
    stamp(log);
  });

  // Rows that were left out come when they are wanted.
  const fill = async (more) => {
    if (more.dataset.busy) return;
    more.dataset.busy = "1";
    const { from, to, back } = more.dataset;
    try {
      const answer = await fetch(`${log.dataset.rows}?from=${from}&to=${to}${back ? "&back=1" : ""}`);
      if (!answer.ok) throw new Error(answer.status);
      const rows = markup(await answer.text());
      stamp(rows);
      more.replaceWith(rows);
    } catch { delete more.dataset.busy; more.textContent = "These lines could not be read; try again"; }
  };
  log.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    // What is of another step is on a page of its own.
    if (link.classList.contains("more")) { if (link.dataset.from) { event.preventDefault(); fill(link); } return; }
    if (link.dataset.n) {
      event.preventDefault();
      history.replaceState(null, "", `?line=${link.dataset.n}#L${link.dataset.n}`);
      pick(link.parentElement);
    }
  });
  steps.addEventListener("toggle", (event) => {
    const step = event.target;
    if (!step.open || !step.classList.contains("step")) return;
    const rows = step.querySelector(".rows");
    if (rows.children.length === 1 && rows.firstElementChild.classList.contains("more")) fill(rows.firstElementChild);
  }, true);
  const pick = (row) => {
    for (const one of log.querySelectorAll(".picked")) one.classList.remove("picked");
    row.classList.add("picked");
  };
  const toHash = () => {
    const line = /^#L(\d+)$/.exec(location.hash);
    if (!line) return;
    const row = document.getElementById("L" + line[1]);
    if (!row) { if (new URLSearchParams(location.search).get("line") !== line[1]) location.replace(`?line=${line[1]}${location.hash}`); return; }
    for (let at = row.parentElement; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    pick(row);
    row.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", toHash);
  toHash();
  // Of a job that failed the first error first.
  const error = location.hash || log.dataset.events ? null : log.querySelector(".step.failure[open] .k-error");
  if (error && error.getBoundingClientRect().bottom > innerHeight) error.scrollIntoView({ block: "center" });

  if (!log.dataset.events) return;

  // Following the end.
  const follow = document.getElementById("follow");
  let following = !location.hash;
  const show = () => follow.setAttribute("aria-pressed", String(following));
  const end = () => scrollTo({ top: root.scrollHeight });
  let own = 0;
  const keep = () => { if (following) { own = performance.now(); end(); } };
  follow.addEventListener("click", () => { following = !following; show(); keep(); });
  addEventListener("scroll", () => {
    // A scroll of our own says nothing about the reader.
    if (performance.now() - own < 80) return;
    const is = root.scrollHeight - scrollY - innerHeight < 60;
    if (is !== following) { following = is; show(); }
  }, { passive: true });
  show();

  let next = Number(log.dataset.next);
  // The groups that are open, innermost last; they live in the section `home`.
  let groups = [], home = null, count = steps.querySelectorAll(".r").length;
  const sections = () => [...steps.querySelectorAll(".step")];
  const firstOf = (section) => section.dataset.first === undefined ? Infinity : Number(section.dataset.first);
  const place = (number) => {
    let found = null;
    for (const section of sections()) if (firstOf(section) <= number) found = section;
    return found || sections()[0];
  };
  const add = (row) => {
    const section = place(numberOf(row));
    if (section !== home) { groups = []; home = section; if (!section.open && following) section.open = true; }
    const within = groups.length ? groups[groups.length - 1] : section.querySelector(".rows");
    if (row.dataset.g === "0") { const group = groups.pop(); if (group && !group.querySelector(".k-error")) group.open = false; return; }
    if (row.dataset.g === "1" && groups.length < 8) {
      const group = document.createElement("details"), head = document.createElement("summary");
      group.className = "g";
      group.open = true;
      for (const { name, value } of row.attributes) if (name !== "data-g") head.setAttribute(name, value);
      head.append(...row.childNodes);
      group.append(head);
      within.append(group);
      groups.push(group);
    } else within.append(row);
    count += 1;
  };
  // The page stays small: the oldest rows go, and can be had again.
  const trim = () => {
    if (count <= most + 1000) return;
    count = steps.querySelectorAll(".r").length;
    for (const section of sections()) {
      const rows = section.querySelector(".rows");
      let more = rows.firstElementChild && rows.firstElementChild.classList.contains("more") ? rows.firstElementChild : null;
      let from = more ? at(more) : NaN, to = NaN;
      while (count > most) {
        const oldest = more ? more.nextElementSibling : rows.firstElementChild;
        if (!oldest || !oldest.nextElementSibling) break;
        if (Number.isNaN(from)) from = at(oldest);
        to = at(oldest.nextElementSibling);
        count -= oldest.classList.contains("r") ? 1 : oldest.querySelectorAll(".r").length;
        oldest.remove();
      }
      if (!Number.isNaN(to)) {
        if (more) say(more, from, to, earlier); else rows.prepend(link(from, to, earlier));
      }
      if (count <= most) break;
    }
  };
  const total = document.getElementById("count");
  const onRows = (event) => {
    const rows = markup(event.data);
    stamp(rows);
    for (const row of [...rows.children]) if (numberOf(row) >= next) { next = numberOf(row) + 1; add(row); }
    put(total, next.toLocaleString("en") + " lines");
    trim();
    keep();
  };
  const tooFast = "lines came too fast to be shown";
  // Rows were left out because they came faster than anybody reads.
  const onGap = (event) => {
    let [from, to] = event.data.split(" ").map(Number);
    groups = [];
    const borders = sections().map(firstOf).filter((first) => first > from && first < to);
    for (const end of [...borders, to]) {
      if (end > from) place(from).querySelector(".rows").append(link(from, end, tooFast));
      from = end;
    }
    next = to;
  };
  const onState = (event) => {
    const news = markup(event.data);
    const facts = news.querySelector("[data-title]"), head = news.getElementById("head");
    document.title = facts.dataset.title + " · Ekiden";
    const icon = document.querySelector("link[rel=icon]");
    if (icon.getAttribute("href") !== facts.dataset.icon) icon.href = facts.dataset.icon;
    const old = document.getElementById("head");
    if (old.className !== head.className) said.textContent = "The job is " + head.className;
    old.replaceWith(head);
    for (const section of news.querySelectorAll("[data-key]")) {
      let known = document.getElementById(section.dataset.key);
      if (!known) {
        known = section.cloneNode(true);
        known.id = section.dataset.key;
        const rows = document.createElement("div");
        rows.className = "rows";
        known.append(rows);
        steps.append(known);
      } else {
        const was = known.className;
        known.className = section.className;
        known.querySelector("summary").replaceWith(section.querySelector("summary"));
        // A step that begins opens; one that ended well folds, while one follows.
        if (was !== known.className && following) known.open = section.open;
      }
      if (section.dataset.first !== undefined) known.dataset.first = section.dataset.first;
    }
    // Rows that came before their step was heard of go to it.
    let before = null;
    for (const section of sections()) {
      const first = firstOf(section), rows = section.querySelector(".rows");
      if (before && first < Infinity) {
        for (let last = before.lastElementChild; last && at(last) >= first; last = before.lastElementChild) {
          rows.prepend(last);
          if (home !== section) { groups = []; home = section; }
        }
        // Rows that are not shown may be of both.
        const last = before.lastElementChild;
        if (last && last.classList.contains("more") && Number(last.dataset.to) > first) {
          const { from, to, text } = last.dataset;
          rows.prepend(link(first, Number(to), text || earlier));
          say(last, Number(from), first, text || earlier);
        }
      }
      if (first < Infinity) before = rows;
    }
    zone(document);
    tick();
    keep();
  };
  const over = listen(() => `${log.dataset.events}?from=${next}`, {
    rows: onRows,
    gap: onGap,
    state: onState,
    again: () => { over(); location.reload(); },
    end: () => over(),
  });
})();
