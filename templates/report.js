"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  /* ---- figures: drawn when they come near, from colours that the style sheet names ---- */

  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;
  const colour = (name) => {
    probe.style.color = name;
    return getComputedStyle(probe).color;
  };

  const coloured = (value, key = "") => {
    if (Array.isArray(value)) return value.map((one) => coloured(one, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, one]) => [k, coloured(one, k)]));
    }
    const paint = key.endsWith("color") || key === "colorscale";
    const named = paint && typeof value === "string" && value.startsWith("var(--");
    return named ? colour(value) : value;
  };

  const held = (id) => unpacked(document.getElementById(id));
  let loading = null;
  let figures = {};
  const library = () => {
    loading ??= Promise.all([held("plotly"), held("figures")]).then(([code, text]) => {
      figures = JSON.parse(text);
      const script = document.createElement("script");
      script.textContent = code;
      document.head.append(script);
    });
    return loading;
  };

  const plots = all(".plot");
  const drawn = new Set();

  const PAPER = 600; // pixels: what a sheet of A4 or Letter holds beside its margins
  const draw = (plot, width) => {
    const { data, layout } = coloured(figures[plot.parentNode.id]);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    layout.dragmode = false;
    if (width) layout.width = width;
    for (const axis of [layout.xaxis, layout.yaxis]) {
      if (plot.clientWidth < 480 && axis.ticktextnarrow) axis.ticktext = axis.ticktextnarrow;
      else if (plot.clientWidth < 480 && !axis.ticktext) axis.nticks = 4;
      delete axis.ticktextnarrow;
    }
    drawn.add(plot);
    return Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
  };

  const giveUp = () => {
    for (const plot of plots) plot.hidden = true;
    for (const table of all("details.numbers")) table.open = true;
  };

  for (const plot of plots) plot.style.minHeight = `${plot.dataset.height}px`;
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        library().then(() => draw(target)).catch(giveUp);
      }
    },
    { rootMargin: "500px" },
  );
  for (const plot of plots) near.observe(plot);
  if (plots.length) {
    const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 500));
    addEventListener("load", () => idle(() => library().catch(giveUp)));
  }

  /* ---- light and dark ---- */

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const toggle = document.querySelector("button.theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const repaint = () => {
    toggle.textContent = isDark() ? "Light theme" : "Dark theme";
    for (const plot of drawn) draw(plot);
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    repaint();
  });
  dark.addEventListener("change", repaint);
  repaint();

  /* ---- paper: light, every figure drawn, everything open ---- */

  let before = null;
  addEventListener("beforeprint", () => {
    const folded = all("details:not([open])");
    before = { theme: root.dataset.theme, folded };
    root.dataset.theme = "light";
    for (const one of folded) one.open = true;
    if (window.Plotly) for (const plot of plots) draw(plot, PAPER);
  });
  addEventListener("afterprint", () => {
    if (!before) return;
    if (before.theme) root.dataset.theme = before.theme;
    else delete root.dataset.theme;
    for (const one of before.folded) one.open = false;
    before = null;
    repaint();
  });

  /* ---- tables ---- */

  for (const one of all("details.numbers")) one.open = false;

  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // A spreadsheet runs text that begins like a formula: an apostrophe keeps it text.
  const guarded = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const field = (cell) => {
    const seen = cell.querySelector(":scope > .unseen") ? "" : cell.textContent.trim();
    const numeric = cell.classList.contains("num");
    const text = cell.dataset.raw ?? (numeric ? seen.replaceAll(",", "").replace("−", "-") : guarded(seen));
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (table) => all("tr", table).map((row) => [...row.cells].map(field).join(",")).join("\r\n");
  const slug = (title) => title.toLowerCase().match(/[a-z0-9]+/g)?.join("-").slice(0, 60) ?? "table";

  // Made here and not in the page: a hundred tables would say it a hundred times.
  for (const table of all(".view .scroll > table.data")) {
    const button = document.createElement("button");
    const whose = document.createElement("span");
    Object.assign(button, { type: "button", className: "quiet csv", textContent: "Download CSV" });
    Object.assign(whose, { className: "unseen", textContent: ` of ${table.caption.textContent}` });
    button.append(whose);
    table.parentElement.after(button);
  }
  for (const button of all("button.csv")) {
    const table = button.previousElementSibling.querySelector("table");
    button.hidden = false;
    button.addEventListener("click", () => {
      save(`${slug(table.caption.textContent)}.csv`, "text/csv;charset=utf-8", `\ufeff${csv(table)}\r\n`);
    });
  }
  for (const button of all("button.json")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      save("report.json", "application/json", await held("auditkit-report"));
    });
  }

  /* ---- findings by outcome ---- */

  const filter = document.querySelector(".filter");
  const rows = all("table.findings tbody tr");
  const outcomes = [...new Set(rows.map((row) => row.dataset.status))];
  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  // More than a reader takes in: what was only measured stands back until it is asked for.
  const MANY = 40;
  const LIMITED = "with a limit";
  const belongs = (row, wanted) =>
    !wanted || (wanted === LIMITED ? "limit" in row.dataset : row.dataset.status === wanted);
  let shown = "";
  const show = (wanted) => {
    shown = wanted;
    for (const row of rows) row.hidden = !belongs(row, wanted);
    for (const one of all("button", filter)) one.setAttribute("aria-pressed", String(one.value === wanted));
  };
  if (filter && outcomes.length > 1) {
    const limited = rows.filter((row) => belongs(row, LIMITED)).length;
    const split = rows.length > MANY && limited > 0 && limited < rows.length;
    for (const value of ["", ...(split ? [LIMITED] : []), ...outcomes]) {
      const number = rows.filter((row) => belongs(row, value)).length;
      const button = document.createElement("button");
      Object.assign(button, { type: "button", value, textContent: `${capital(value || "all")} ${number}` });
      button.addEventListener("click", () => show(value));
      filter.append(button);
    }
    filter.hidden = false;
    show(split ? LIMITED : "");
    // A link to a finding that is filtered away shows all of them again.
    const reveal = () => {
      const target = document.getElementById(location.hash.slice(1));
      if (!target?.hidden) return;
      show("");
      target.scrollIntoView();
    };
    addEventListener("hashchange", reveal);
    reveal();
    // Paper has no buttons: what the page left out by itself is printed.
    addEventListener("beforeprint", () => {
      if (shown === LIMITED) for (const row of rows) row.hidden = false;
    });
    addEventListener("afterprint", () => show(shown));
  }

  /* ---- contents: where the reader is ---- */

  const links = new Map(all("nav a").map((link) => [document.getElementById(link.hash.slice(1)), link]));
  const mark = () => {
    const passed = [...links.keys()].filter((one) => one.getBoundingClientRect().top <= innerHeight / 3);
    const end = innerHeight + scrollY >= root.scrollHeight - 2;
    const here = end ? [...links.keys()].at(-1) : (passed.at(-1) ?? links.keys().next().value);
    for (const [section, link] of links) {
      if (section === here) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
  };
  let waiting = false;
  addEventListener(
    "scroll",
    () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        mark();
      });
    },
    { passive: true },
  );
  mark();
})();
