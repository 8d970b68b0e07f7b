"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tip = document.getElementById("tip");

  // Numbers of trials, which are shown in tips only; those of models come ready from Python.
  const format = (value, unit) => {
    if (unit === "fraction") return (100 * value).toFixed(2) + " %";
    if (unit === "1") return Math.round(value).toLocaleString("en");
    if (unit !== "B") return +value.toPrecision(3) + " " + unit;
    if (value < 1024) return value + " B";
    return value < 1048576 ? (value / 1024).toFixed(1) + " KiB" : (value / 1048576).toFixed(2) + " MiB";
  };

  // What the panel of a model says, line by line: its name, then each number with its kind.
  const panels = all("#selected [data-panel]");
  const words = (e) => e.textContent.replace(/\s+/g, " ").trim();
  const about = (index) => {
    const panel = panels.find((e) => e.dataset.panel === index);
    const known = all(".numbers tr", panel).filter((row) => row.querySelector(".badge"));
    const line = (row) => [row.children[0], row.children[1], row.querySelector(".badge")];
    return [words(panel.querySelector(".who")), ...known.map((row) => line(row).map(words).join(" "))];
  };

  // Selecting a model: its panels are shown, its marks and rows are set apart everywhere.
  const table = document.querySelector(".grid tbody");
  let selected = null;
  const select = (index, scroll) => {
    selected = index;
    all("[data-panel]").forEach((e) => { e.hidden = e.dataset.panel !== index; });
    all("svg [data-model], tr[data-model]").forEach((e) => {
      const on = e.dataset.model === index;
      e.classList.toggle("chosen", on);
      if (e.hasAttribute("aria-pressed")) e.setAttribute("aria-pressed", on);
    });
    if (scroll) document.getElementById("selected").scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
  all("svg.front .model").forEach((e) => {
    e.setAttribute("tabindex", "0");
    e.setAttribute("role", "button");
    e.setAttribute("aria-pressed", "false");
    e.setAttribute("aria-label", about(e.dataset.model).join(", "));
  });
  const order = panels.map((e) => e.dataset.panel);
  const walk = (by) => {
    const place = order.indexOf(selected) + by;
    if (place >= 0 && place < order.length) select(order[place]);
  };
  const first = panels.find((e) => !e.hidden);
  if (first) select(first.dataset.panel);

  // The axis of the front.
  const view = (name) => {
    all("[data-view]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.view === name));
    all("[data-figure]").forEach((f) => { f.hidden = f.dataset.figure !== name; });
  };

  // Sorting the table by the values behind its texts; empty cells stay last.
  const sort = (head) => {
    const column = [...head.parentNode.children].indexOf(head);
    const up = head.getAttribute("aria-sort") !== "ascending";
    all("th", head.parentNode).forEach((h) => h.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => row.children[column].dataset.v;
    [...table.rows]
      .sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return up ? x - y : y - x;
      })
      .forEach((row) => table.appendChild(row));
  };

  document.addEventListener("click", (event) => {
    const at = event.target;
    const head = at.closest(".grid thead th");
    if (head) return sort(head);
    const axis = at.closest("[data-view]");
    if (axis) return view(axis.dataset.view);
    const step = at.closest("[data-walk]");
    if (step) return walk(+step.dataset.walk);
    const copy = at.closest("[data-copy]");
    if (copy) return take(copy);
    const model = at.closest("[data-model]");
    if (model) select(model.dataset.model, !model.ownerSVGElement);
  });
  document.addEventListener("keydown", (event) => {
    const model = event.target.closest && event.target.closest("svg .model[tabindex]");
    if (!model) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      select(model.dataset.model);
    }
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) {
      event.preventDefault();
      const svg = model.ownerSVGElement;
      const marks = order.map((i) => svg.querySelector(`[data-model="${i}"]`)).filter(Boolean);
      const next = marks[marks.indexOf(model) + by];
      if (next) { select(next.dataset.model); next.focus(); }
    }
  });

  // Tips: text only, so that no name can become markup.
  const line = (tag, text, parent) => {
    const e = document.createElement(tag);
    e.textContent = text;
    parent.appendChild(e);
    return e;
  };
  const show = (fill, x, y) => {
    tip.replaceChildren();
    fill();
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > innerWidth - 8 ? x - 14 - box.width : x + 14;
    tip.style.left = Math.max(8, Math.min(left, innerWidth - box.width - 8)) + "px";
    tip.style.top = Math.max(8, Math.min(y + 12, innerHeight - box.height - 8)) + "px";
  };
  const hide = () => { tip.hidden = true; };
  const linesTip = (lines) => () => lines.forEach((t, i) => line(i ? "p" : "b", t, tip));
  const trialTip = (index, frame) => () => {
    const { number, fidelity, metrics } = data.trials;
    line("b", "Trial " + number[index], tip);
    for (const name of [frame.y, frame.x]) {
      const metric = data.metrics[name];
      const p = line("p", metric.label + " " + format(metrics[name][index], metric.unit) + " ", tip);
      line("em", data.how[name] + (name === frame.y ? ", validation" : ""), p);
    }
    if (fidelity[index] < 1) line("p", "trained for " + Math.round(100 * fidelity[index]) + " % of the full training", tip);
  };

  // The nearest trial to the pointer: dots are one path, so their places are computed again.
  const place = (value, [low, high, start, end, log]) => {
    const f = log ? Math.log : (v) => v;
    return start + ((f(value) - f(low)) / (f(high) - f(low))) * (end - start);
  };
  const nearest = (svg, event) => {
    const frame = JSON.parse(svg.dataset.frame);
    if (!frame.dots) return null;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const xs = data.trials.metrics[frame.x], ys = data.trials.metrics[frame.y];
    let best = null, least = 64;
    xs.forEach((x, i) => {
      if (x === null || ys[i] === null || ys[i] < frame.sy[0] || ys[i] > frame.sy[1]) return;
      const d = (place(x, frame.sx) - at.x) ** 2 + (place(ys[i], frame.sy) - at.y) ** 2;
      if (d < least) { least = d; best = i; }
    });
    return best === null ? null : trialTip(best, frame);
  };
  document.addEventListener("pointermove", (event) => {
    const at = event.target;
    if (!at.closest) return hide();
    const mark = at.closest("svg .model[tabindex]");
    if (mark) return show(linesTip(about(mark.dataset.model)), event.clientX, event.clientY);
    const noted = at.closest("[data-tip]");
    if (noted) return show(linesTip(noted.dataset.tip.split("\n")), event.clientX, event.clientY);
    const svg = at.closest("svg.front");
    const found = svg && nearest(svg, event);
    return found ? show(found, event.clientX, event.clientY) : hide();
  });
  document.addEventListener("focusin", (event) => {
    const mark = event.target.closest("svg .model[tabindex]");
    if (!mark || !mark.matches(":focus-visible")) return;
    const box = mark.getBoundingClientRect();
    show(linesTip(about(mark.dataset.model)), box.right, box.bottom);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.documentElement.addEventListener("pointerleave", hide);

  // Copying a command; without the clipboard (a file in some browsers) it is selected instead.
  const take = (button) => {
    const code = button.parentNode.querySelector("code");
    const done = (word) => {
      button.textContent = word;
      setTimeout(() => { button.textContent = "copy"; }, 1600);
    };
    const mark = () => {
      getSelection().selectAllChildren(code);
      done(document.execCommand("copy") ? "copied" : "selected");
    };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(() => done("copied"), mark);
    else mark();
  };
  all("[data-copy]").forEach((b) => { b.hidden = false; });

  // Colours: as the system has them, or as the reader wants them.
  const theme = document.getElementById("theme");
  const modes = ["auto", "light", "dark"];
  const stored = () => { try { return localStorage.getItem("brickwork-theme"); } catch { return null; } };
  const dress = (mode) => {
    if (mode === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = mode;
    theme.dataset.mode = mode;
    theme.textContent = "theme: " + mode;
    theme.setAttribute("aria-label", "Colours: " + (mode === "auto" ? "as the system has them" : mode));
  };
  theme.hidden = false;
  if (modes.includes(stored())) dress(stored());
  theme.addEventListener("click", () => {
    const next = modes[(modes.indexOf(theme.dataset.mode || "auto") + 1) % 3];
    dress(next);
    try { localStorage.setItem("brickwork-theme", next); } catch { /* a file may have no storage */ }
  });
})();
