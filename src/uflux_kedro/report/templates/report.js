"use strict";
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Tables: a heading sorts; numbers may have commas and a true minus sign.
for (const table of all(".gt_table")) {
  const heads = all("thead tr:last-child th", table);
  heads.forEach((head, column) => {
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      const rows = [...table.tBodies[0].rows];
      const text = (row) => row.cells[column].textContent.trim();
      const number = (row) => parseFloat(text(row).replace(/,/g, "").replace("\u2212", "-"));
      const numeric = head.classList.contains("gt_right");
      const order = (a, b) => numeric ? number(a) - number(b) : text(a).localeCompare(text(b));
      const empty = (row) => text(row) === "";
      rows.sort((a, b) => empty(a) - empty(b) || (down ? -order(a, b) : order(a, b)));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      table.tBodies[0].append(...rows);
    };
    const button = make("button", { type: "button", onclick: sort }, ...head.childNodes);
    head.append(button);
  });
}

// The box of a long table ends where a row ends.
const fit = () => {
  for (const box of all(".scroll")) {
    box.style.maxHeight = "";
    const head = box.querySelector("thead");
    if (!head || box.scrollHeight <= box.clientHeight + 1) continue;
    const bar = box.offsetHeight - box.clientHeight;
    const ends = all("tbody tr", box).map((row) => row.offsetTop + row.offsetHeight);
    const most = Math.max(...ends.filter((end) => end <= box.clientHeight));
    if (most > head.offsetHeight) box.style.maxHeight = `${most + bar}px`;
  }
};
addEventListener("load", fit);
addEventListener("resize", fit);
all("details").forEach((part) => part.addEventListener("toggle", fit));

// Sections fold; a search in the page or a link to something inside unfolds them.
const folds = all("main > section > h2").map((heading) => {
  const body = make("div", { id: `${heading.parentElement.id}-body` });
  while (heading.nextSibling) body.append(heading.nextSibling);
  heading.after(body);
  const button = make("button", { type: "button", className: "fold" }, ...heading.childNodes);
  button.setAttribute("aria-controls", body.id);
  heading.append(button);
  const set = (open) => {
    button.setAttribute("aria-expanded", open);
    if (open) body.removeAttribute("hidden");
    else body.setAttribute("hidden", "until-found");
    if (open) fit();
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-expanded") === "false"));
  body.addEventListener("beforematch", () => set(true));
  set(true);
  return { section: heading.parentElement, set };
});
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  folds.filter(({ section }) => section.contains(target)).forEach(({ set }) => set(true));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", reveal);
addEventListener("load", reveal);

// The contents tell which section is read; where there is no side for them, they are a menu.
const nav = document.querySelector(".contents");
const links = all("a", nav);
if (links.length) {
  const here = make("span", { className: "here" });
  const menu = make("button", { type: "button", className: "menu" }, "Contents", here);
  const show = (open) => menu.setAttribute("aria-expanded", open);
  menu.setAttribute("aria-controls", "sections");
  menu.addEventListener("click", () => show(menu.getAttribute("aria-expanded") === "false"));
  nav.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { show(false); menu.focus(); }
  });
  links.forEach((link) => link.addEventListener("click", () => show(false)));
  show(false);
  nav.prepend(menu);
  let open = true;
  const foldAll = make("button", { type: "button", className: "all", textContent: "Fold all sections" });
  foldAll.addEventListener("click", () => {
    open = !open;
    folds.forEach(({ set }) => set(open));
    foldAll.textContent = open ? "Fold all sections" : "Unfold all sections";
  });
  nav.querySelector("ol").append(make("li", {}, foldAll));
  const mark = () => {
    const end = innerHeight + scrollY > document.documentElement.scrollHeight - 2;
    const passed = folds.filter(({ section }) => end || section.getBoundingClientRect().top < 120);
    const current = passed.length ? passed.at(-1).section.id : null;
    for (const link of links) {
      const is = link.hash === `#${current}`;
      if (is === link.hasAttribute("aria-current")) continue;
      if (is) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
      if (is) here.textContent = link.textContent;
    }
    if (!current) here.textContent = "";
  };
  addEventListener("scroll", mark, { passive: true });
  addEventListener("load", mark);
}

// A click on a figure, or its button, shows it as large as the window; Escape closes it.
const pictures = all("main figure > img");
if (pictures.length) {
  const title = make("p", { id: "enlarged-title" });
  const close = make("button", { type: "button", textContent: "Close" });
  const sheet = make("div", { className: "sheet", tabIndex: 0 });
  const dialog = make("dialog", { className: "enlarged" }, make("div", { className: "bar" }, title, close), sheet);
  dialog.setAttribute("aria-labelledby", title.id);
  sheet.setAttribute("role", "group");
  sheet.setAttribute("aria-labelledby", title.id);
  close.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  for (const picture of pictures) {
    const name = picture.parentElement.querySelector("figcaption b").textContent;
    const enlarge = () => {
      title.textContent = name;
      sheet.replaceChildren(make("img", { src: picture.src, alt: picture.alt }));
      dialog.showModal();
    };
    const button = make("button", { type: "button", className: "small", textContent: "Enlarge" });
    button.append(make("span", { className: "unseen", textContent: ` ${name}` }));
    picture.addEventListener("click", enlarge);
    button.addEventListener("click", enlarge);
    picture.parentElement.querySelector("figcaption").append(" ", button);
  }
}

// Settings are there to be copied.
for (const text of all("pre.copy")) {
  const button = make("button", { type: "button", className: "small", textContent: "Copy" });
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(text);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected: copy it with the keyboard";
    }
  });
  text.before(button);
}

// Print folded parts too.
addEventListener("beforeprint", () => all("details").forEach((part) => (part.open = true)));
