"""The script of the page, run in a real browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=4000",
    "--dump-dom",
]

_DRIVE = """
const out = {};
const $ = (s) => document.querySelector(s);
const all = (s) => [...document.querySelectorAll(s)];
const shown = (s) => all(s).filter((e) => !e.hidden)
  .map((e) => e.dataset.panel || e.dataset.figure);
const panel = () => shown("#selected [data-panel]");
const svg = () => all("svg.front").find((e) => e.getBoundingClientRect().width > 0);
const mark = (i) => svg().querySelector(`[data-model="${i}"]`);
const key = (e, k) => e.dispatchEvent(new KeyboardEvent("keydown", {key: k, bubbles: true}));
const move = (e, x, y) => e.dispatchEvent(
  new PointerEvent("pointermove", {bubbles: true, clientX: x, clientY: y}));
const tip = () => $("#tip").hidden ? null : $("#tip").textContent;
const step = (name, f) => { try { out[name] = f(); } catch (e) { out[name] = "failed: " + e; } };
window.addEventListener("error", (e) => { out.error = e.message; });
window.addEventListener("load", () => {
  step("first", panel);
  step("focusable", () => [mark(0).getAttribute("tabindex"), mark(0).getAttribute("role"),
    mark(0).getAttribute("aria-label")]);
  step("click", () => {
    mark(0).querySelector(".mark").dispatchEvent(new MouseEvent("click", {bubbles: true}));
    const pressed = [0, 1].map((i) => mark(i).getAttribute("aria-pressed"));
    return [panel(), shown(".thirds[data-panel]"), ...pressed];
  });
  step("enter", () => { key(mark(2), "Enter"); return panel(); });
  step("arrow", () => { key(mark(2), "ArrowRight"); return panel(); });
  step("walk", () => { $('[data-walk="-1"]').click(); return panel(); });
  step("row", () => { $('tr[data-model="1"] td').click(); return panel(); });
  step("hover", () => {
    const b = mark(1).getBoundingClientRect();
    move(mark(1).querySelector(".hit"), b.x + 9, b.y + 9);
    return tip();
  });
  step("dot", () => {
    const [, x, y] = svg().querySelector(".dots").getAttribute("d").match(/^m(\\d+) (\\d+)/);
    const at = new DOMPoint(+x, +y).matrixTransform(svg().getScreenCTM());
    move(svg(), at.x, at.y);
    return tip();
  });
  step("axis", () => {
    const button = $('[data-view="latency_ms"]');
    button.click();
    return [shown("[data-figure]"), button.getAttribute("aria-pressed")];
  });
  step("sort", () => {
    const head = all(".grid thead th")[2];
    const order = () => all(".grid tbody tr").map((r) => r.dataset.model);
    head.click();
    const up = order();
    head.click();
    return [up, order(), head.getAttribute("aria-sort")];
  });
  step("theme", () => {
    $("#theme").click();
    $("#theme").click();
    const colour = getComputedStyle(document.body).backgroundColor;
    return [document.documentElement.dataset.theme, colour];
  });
  step("overflow", () => {
    const root = document.documentElement;
    return root.scrollWidth - root.clientWidth;
  });
  const e = document.createElement("pre");
  e.id = "out";
  e.textContent = JSON.stringify(out);
  document.body.appendChild(e);
});
"""


def _browser():
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(_BROWSERS)} is installed")
    return found


def _run(browser, folder, text, width=1280):
    """What the driver saw. The policy of the page would, rightly, not let the driver run."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    file = folder / "report.html"
    file.write_text(page.replace("</body>", f"<script>{_DRIVE}</script></body>"), "utf-8")
    done = subprocess.run(
        [
            browser,
            *_FLAGS,
            f"--window-size={width},1600",
            f"--user-data-dir={folder / 'profile'}",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    unescaped = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(unescaped)


def test_selecting_switching_sorting_and_hovering(page, example, tmp_path):
    data = example.digits()
    best = next(i for i, m in enumerate(data["models"]) if m["id"] == data["best"])
    seen = _run(_browser(), tmp_path, page("digits"))
    assert "error" not in seen
    assert seen["first"] == [str(best)]
    assert seen["focusable"][:2] == ["0", "button"]
    label = seen["focusable"][2]
    assert label.startswith(f"Model 1 of 9 {data['models'][0]['id']}, Accuracy ")
    assert "measured, Parameters 602 counted, MACs " in label
    assert "of 20 ms predicted" in label
    assert seen["click"] == [["0"], ["0"], "true", "false"]
    assert seen["enter"] == ["2"]
    assert seen["arrow"] == ["3"]
    assert seen["walk"] == ["2"]
    assert seen["row"] == ["1"]
    assert "Model 2 of 9" in seen["hover"]
    assert "measured" in seen["hover"]
    assert "predicted" in seen["hover"]
    assert re.search(r"Trial \d+accuracy [\d.]+ % measured, validation", seen["dot"])
    assert seen["axis"] == [["latency_ms"], "true"]
    by_size = [str(i) for i in range(len(data["models"]))]  # the front is made in that order
    assert seen["sort"] == [by_size, by_size[::-1], "descending"]
    assert seen["theme"] == ["dark", "rgb(19, 21, 24)"]
    assert seen["overflow"] == 0


@pytest.mark.parametrize(("name", "width"), [("empty", 1280), ("hostile", 1280), ("hostile", 500)])
def test_the_page_bears_what_is_missing_or_hostile(page, tmp_path, name, width):
    seen = _run(_browser(), tmp_path, page(name), width)
    assert "error" not in seen
    assert seen["overflow"] == 0, "wider than the window"
    assert seen["theme"][0] == "dark"
