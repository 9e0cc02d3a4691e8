"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  root.classList.add("js");

  // Light and dark: the system's choice, until the button is used.
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.querySelector(".theme");
  const remembered = { get() { try { return localStorage.getItem("rushlight-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("rushlight-theme", value); } catch { /* kept for this page alone */ } } };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => {
    button.textContent = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${button.textContent} colours`);
  };
  const known = remembered.get();
  if (known === "dark" || known === "light") root.dataset.theme = known;
  label();
  dark.addEventListener("change", label);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered.set(root.dataset.theme);
    label();
  });

  // Charts: one epoch is read in all of them.
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = all(".chart").map((figure) => {
    const keys = all(".key", figure);
    const when = figure.querySelector(".when");
    return {
      figure, keys, when,
      series: data.charts[figure.dataset.chart],
      plot: figure.querySelector(".plot"),
      cross: figure.querySelector(".cross"),
      dots: all(".dot", figure),
      outputs: keys.map((key) => key.querySelector("output")),
      rest: [when.textContent, ...keys.map((key) => key.querySelector("output").textContent)],
      name: figure.querySelector("h3").textContent,
    };
  });
  let at = null;

  const place = (chart) => {
    chart.cross.hidden = at === null;
    if (at !== null) chart.cross.style.left = `${data.x[at]}%`;
    chart.dots.forEach((dot, i) => {
      const up = at === null ? null : (chart.series[i][chart.figure.dataset.scale] || [])[at];
      dot.hidden = up === null || up === undefined || chart.keys[i].getAttribute("aria-pressed") === "false";
      if (!dot.hidden) { dot.style.left = `${data.x[at]}%`; dot.style.top = `${up}%`; }
    });
  };
  const read = (index) => {
    at = index;
    for (const chart of charts) {
      place(chart);
      chart.when.textContent = at === null ? chart.rest[0] : `epoch ${data.epochs[at]}`;
      chart.outputs.forEach((output, i) => {
        output.textContent = at === null ? chart.rest[i + 1] : chart.series[i].text[at];
      });
      if (at !== null) {
        const said = chart.keys.map((key, i) => `${key.dataset.name} ${chart.series[i].text[at]}`);
        chart.plot.setAttribute("aria-valuenow", data.epochs[at]);
        chart.plot.setAttribute("aria-valuetext", `epoch ${data.epochs[at]}: ${said.join(", ")}`);
      }
    }
  };
  const nearest = (event, plot) => {
    const box = plot.getBoundingClientRect();
    const x = (100 * (event.clientX - box.left)) / box.width;
    let low = 0, high = data.x.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (data.x[middle] <= x) low = middle; else high = middle;
    }
    return x - data.x[low] <= data.x[high] - x ? low : high;
  };
  const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
  const last = data.x.length - 1;
  const start = () => {
    const best = charts[0].rest[0].match(/[\d.]+$/);
    const found = best ? data.epochs.indexOf(best[0]) : -1;
    return found < 0 ? last : found;
  };
  for (const chart of charts) {
    const { plot, figure } = chart;
    plot.tabIndex = 0;
    plot.setAttribute("role", "slider");
    plot.setAttribute("aria-label", `${chart.name}, epoch`);
    plot.setAttribute("aria-valuemin", data.epochs[0]);
    plot.setAttribute("aria-valuemax", data.epochs[last]);
    plot.setAttribute("aria-valuenow", data.epochs[start()]);
    plot.addEventListener("pointermove", (event) => read(nearest(event, plot)));
    plot.addEventListener("pointerdown", (event) => read(nearest(event, plot)));
    plot.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") read(null); });
    plot.addEventListener("blur", () => read(null));
    plot.addEventListener("keydown", (event) => {
      let to = null;
      if (event.key in moves) to = at === null ? start() : at + moves[event.key];
      else if (event.key === "Home") to = 0;
      else if (event.key === "End") to = last;
      else if (event.key === "Escape") { read(null); return; }
      if (to === null) return;
      event.preventDefault();
      read(Math.min(Math.max(to, 0), last));
    });
    const scale = figure.querySelector(".scale");
    if (scale) scale.addEventListener("click", () => {
      const log = figure.dataset.scale !== "log";
      figure.dataset.scale = log ? "log" : "linear";
      scale.setAttribute("aria-pressed", String(log));
      all("[data-of]", figure).forEach((part) => { part.toggleAttribute("hidden", part.dataset.of !== figure.dataset.scale); });
      place(chart);
    });
  }

  // A line is shown or hidden; where runs lie side by side, in all charts.
  const show = (chart, i, on) => {
    chart.keys[i].setAttribute("aria-pressed", String(on));
    all(`.line[data-series="${i}"]`, chart.figure).forEach((line) => line.toggleAttribute("hidden", !on));
    place(chart);
  };
  for (const chart of charts) chart.keys.forEach((key, i) => {
    key.addEventListener("click", () => {
      const on = key.getAttribute("aria-pressed") === "false";
      const linked = document.querySelector("main").classList.contains("several");
      for (const other of linked ? charts : [chart]) {
        const index = linked ? other.keys.findIndex((k) => k.dataset.name === key.dataset.name) : i;
        if (index >= 0) show(other, index, on);
      }
    });
  });

  // The table of the epochs: a click on a title sorts by it, another one the other way round.
  for (const table of all(".sortable")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => parseFloat(row.cells[column].textContent.replaceAll(",", ""));
      const rows = all("tbody tr", table).map((row) => [value(row), row]);
      rows.sort(([a], [b]) => (Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : down ? b - a : a - b));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    }));
  }

  // Pictures: a click enlarges, Escape or a click beside the picture closes.
  const large = document.getElementById("large");
  if (large) {
    for (const open of all(".open")) open.addEventListener("click", () => {
      const small = open.querySelector("img"), shown = large.querySelector("img");
      shown.src = small.src;
      shown.alt = small.alt;
      large.querySelector("p").textContent = open.parentElement.querySelector("figcaption").textContent;
      large.showModal();
    });
    large.addEventListener("click", (event) => {
      if (event.target === large || event.target.classList.contains("close")) large.close();
    });
  }

  // On paper everything is unfolded that belongs there.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = all("details[data-print]:not([open])");
    folded.forEach((part) => { part.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
})();
