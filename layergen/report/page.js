"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const grid = document.querySelector(".matrix");
  const heading = document.getElementById("block-heading");
  const body = document.getElementById("block-body");
  const code = document.getElementById("block-code");
  const forward = document.getElementById("forward");
  let opened = null;

  const rows = Array.from(grid.tBodies[0].rows);
  const buttonAt = (row, column) => rows[row]?.cells[column + 1]?.firstElementChild ?? null;
  const place = (button) => [rows.indexOf(button.closest("tr")), button.closest("td").cellIndex - 1];
  const isBlock = (element) => element !== null && element.classList.contains("block");

  // The names and colours of one block's indices, in the places that its pattern leaves open.
  const filled = (pattern, target, source) => {
    const slots = [...new Set([...target.indices, ...source.indices])];
    const copy = document.getElementById("p" + pattern).content.cloneNode(true);
    for (const one of copy.querySelectorAll("[data-slot]")) {
      const number = slots[one.dataset.slot];
      const [name, acted] = data.indices[number];
      if (acted) one.classList.add("i", "i" + number);
      if (one.localName === "b") one.textContent = name + one.dataset.primes;
    }
    for (const one of copy.querySelectorAll("[data-name]")) {
      one.textContent = (one.dataset.name === "target" ? target : source).name;
    }
    for (const one of copy.querySelectorAll("[data-core]")) {
      const words = one.dataset.core.trim().split(" ").filter(Boolean);
      one.core = words.map((word) => (word[0] === "@" ? data.indices[slots[word.slice(1)]][0] : word)).sort().join(" ");
    }
    return copy;
  };

  // The parts of the code from the source through the products over a core to the target.
  const partsOf = (core, target, source) => {
    if (source.bias) return target.bias;
    const mixes = (data.cores[core] ?? []).filter((mix) => mix in source.parts && mix in target.parts);
    return mixes.flatMap((mix) => [...source.parts[mix], ...target.parts[mix]]);
  };

  const excerpt = (parts) => {
    const lines = document.createElement("code");
    for (const on of forward?.querySelectorAll(".on") ?? []) on.classList.remove("on");
    for (const number of [...new Set(parts)].sort((a, b) => a - b)) {
      const part = document.getElementById("l" + number);
      part.classList.add("on");
      const copy = part.cloneNode(true);
      copy.removeAttribute("id");
      lines.append(copy);
    }
    return lines;
  };

  const open = (button) => {
    const [row, column] = place(button);
    const target = data.targets[row];
    const source = data.sources[column] ?? { name: "1", indices: [], bias: true };
    if (opened) opened.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-expanded", "true");
    opened = button;
    heading.textContent = button.getAttribute("aria-label") + (button.textContent === "1" ? " map" : " maps");
    body.replaceChildren(filled(button.dataset.p, target, source));
    const items = Array.from(body.querySelectorAll("[data-core]"));
    const every = items.flatMap((item) => partsOf(item.core, target, source));
    code.hidden = !forward;
    if (!forward) return;
    code.replaceChildren(excerpt(every));
    for (const item of items) {
      const button = item.querySelector(".lines");
      button.addEventListener("click", () => {
        const chosen = button.getAttribute("aria-pressed") === "false";
        for (const other of body.querySelectorAll(".lines")) other.setAttribute("aria-pressed", "false");
        button.setAttribute("aria-pressed", String(chosen));
        code.replaceChildren(excerpt(chosen ? partsOf(item.core, target, source) : every));
      });
    }
  };

  // One cell of the grid is a stop of the Tab key; arrow keys move it.
  const focus = (button) => {
    for (const other of grid.querySelectorAll('.block[tabindex="0"]')) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  };
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const next = (button, key) => {
    let [row, column] = place(button);
    const last = rows[row].cells.length - 2;
    if (key === "Home" || key === "End") {
      const order = Array.from({ length: last + 1 }, (_, at) => (key === "Home" ? at : last - at));
      return order.map((at) => buttonAt(row, at)).find(isBlock);
    }
    const [down, right] = moves[key];
    do {
      [row, column] = [row + down, column + right];
    } while (row >= 0 && column >= 0 && row < rows.length && column <= last && !isBlock(buttonAt(row, column)));
    return row < 0 || column < 0 ? null : buttonAt(row, column);
  };

  grid.addEventListener("click", (event) => {
    const button = event.target.closest(".block");
    if (!button) return;
    focus(button);
    open(button);
    if (event.detail === 0) heading.focus(); // opened from the keyboard
  });
  grid.addEventListener("keydown", (event) => {
    if (!isBlock(event.target) || !(event.key in moves || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const button = next(event.target, event.key);
    if (button) focus(button);
  });
  document.getElementById("block").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened) focus(opened);
  });

  for (const button of document.querySelectorAll(".index")) {
    button.addEventListener("click", () => {
      const chosen = button.getAttribute("aria-pressed") === "false";
      for (const other of document.querySelectorAll(".index")) other.setAttribute("aria-pressed", "false");
      for (const other of document.querySelectorAll(".chosen")) other.classList.remove("chosen");
      button.setAttribute("aria-pressed", String(chosen));
      document.body.classList.toggle("alone", chosen);
      if (chosen) for (const one of document.querySelectorAll(".i" + button.dataset.index)) one.classList.add("chosen");
    });
  }

  const first = grid.querySelector(".block");
  if (first) first.tabIndex = 0;
})();
