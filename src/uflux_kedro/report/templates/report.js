// Sort a table by a click on a heading; numbers may have commas and a true minus sign.
for (const table of document.querySelectorAll(".gt_table")) {
  const heads = [...table.querySelectorAll("thead th")];
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
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
  });
}
// Print folded parts too.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => (d.open = true)));
