"use strict";
(() => {
  const OPEN_UP_TO = 60; // with more rows the groups start closed
  const byId = (id) => document.getElementById(id);
  const search = byId("search"), show = byId("show"), status = byId("status");
  const rows = (group) => [...group.rows].filter((row) => "words" in row.dataset);
  const groups = [...byId("table").querySelectorAll("tbody")].map((body) => ({ body, rows: rows(body) }));
  const total = groups.reduce((sum, group) => sum + group.rows.length, 0);
  let filtered = false, left = null; // left: the link in the table that was followed last

  for (const group of groups) {
    group.open = total <= OPEN_UP_TO;
    group.openFiltered = true;
    const name = group.body.querySelector(".name");
    group.button = document.createElement("button");
    group.button.type = "button";
    group.button.textContent = name.textContent;
    group.button.setAttribute("aria-controls", group.body.id);
    group.button.addEventListener("click", () => { setOpen(group, !isOpen(group)); draw(); });
    name.replaceWith(group.button);
  }

  const isOpen = (group) => filtered ? group.openFiltered : group.open;
  const setOpen = (group, open) => { group[filtered ? "openFiltered" : "open"] = open; };

  function draw() {
    let found = 0;
    for (const group of groups) {
      const matching = group.rows.filter((row) => row.found);
      found += matching.length;
      group.body.hidden = matching.length === 0;
      group.button.setAttribute("aria-expanded", isOpen(group));
      for (const row of group.rows) row.hidden = !(row.found && isOpen(group));
    }
    status.textContent = !filtered ? `${total} rows` :
      found ? `${found} of ${total} rows match` : "No row matches";
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    filtered = words.length > 0 || show.value !== "all";
    for (const group of groups) {
      group.openFiltered = true;
      for (const row of group.rows) {
        const kind = show.value === "all" || row.dataset.kinds.split(" ").includes(show.value);
        row.found = kind && words.every((word) => row.dataset.words.includes(word));
      }
    }
    draw();
  }

  function clear() {
    search.value = "";
    show.value = "all";
    filter();
  }

  function openAll(open) {
    for (const group of groups) setOpen(group, open);
    draw();
  }

  // A section that a cell leads to takes the focus, and gives it back to the cell when it is closed.
  function follow() {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.classList.contains("sheet")) {
      target.focus();
      return;
    }
    const group = groups.find((one) => one.rows.includes(target));
    if (group && target.hidden) {
      if (!target.found) clear();
      setOpen(group, true);
      draw();
      target.scrollIntoView({ block: "center" });
    }
    const link = target.contains(left) ? left : group && target.querySelector("a");
    left = null;
    if (link) link.focus({ preventScroll: true });
  }

  function close(event) {
    const sheet = document.querySelector(".sheet:target");
    if (!sheet) return;
    event.preventDefault();
    location.hash = left ? left.closest("tr").id || "table" : sheet.querySelector(".close").hash;
  }

  byId("tools").hidden = false;
  search.addEventListener("input", filter);
  show.addEventListener("change", filter);
  byId("open").addEventListener("click", () => openAll(true));
  byId("shut").addEventListener("click", () => openAll(false));
  addEventListener("click", (event) => {
    left = event.target.closest("#table a") || left;
    if (event.target.closest(".sheet:target .close")) close(event);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (event.target === search) clear();
    else close(event);
  });
  addEventListener("hashchange", follow);
  filter();
  follow();
})();
