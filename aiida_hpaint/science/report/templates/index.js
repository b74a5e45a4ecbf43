"use strict";
(function () {
  const body = document.querySelector("#hosts tbody");
  const rows = Array.from(body.rows);
  const text = document.getElementById("text");
  const light = document.getElementById("light");
  function filter() {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = row.textContent.toLowerCase().includes(wanted)
        && (!light.value || row.dataset.light === light.value);
      row.hidden = !fits;
      shown += fits;
    }
    document.getElementById("count").textContent = `${shown} of ${rows.length} shown`;
  }
  function sort(column, header) {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const isNumber = header.classList.contains("number");
    const key = (row) => row.cells[column].dataset.key;
    const compare = (one, other) => {
      if (!isNumber) return key(one).localeCompare(key(other), "en", { numeric: true });
      const [a, b] = [Number(key(one)), Number(key(other))];
      // What is unknown comes last, whichever way.
      if (Number.isNaN(a) || Number.isNaN(b)) return (Number.isNaN(a) - Number.isNaN(b)) * (down ? -1 : 1);
      return a - b;
    };
    rows.sort((one, other) => (down ? -1 : 1) * compare(one, other));
    body.append(...rows);
  }
  for (const button of document.querySelectorAll("button[data-column]")) {
    button.addEventListener("click", () => sort(Number(button.dataset.column), button.parentNode));
  }
  text.addEventListener("input", filter);
  light.addEventListener("change", filter);
  filter();
})();
