"use strict";
// Without this script everything can be read; it adds values at the pointer, and
// lets the lines and the runs be chosen.

// The value of a line at a step, or near it; null before its begin and after its end.
function at(line, x) {
  if (x < line.x[0] || x > line.x[line.x.length - 1]) return null;
  let best = 0;
  line.x.forEach((step, i) => {
    const nearer = Math.abs(step - x) < Math.abs(line.x[best] - x);
    if (line.stepped ? step <= x : nearer) best = i;
  });
  return line.y[best];
}

function text(value, percent) {
  if (value === null) return "–";
  if (percent) return (100 * value).toPrecision(3) + " %";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  if (Math.abs(value) >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}

function row(name, value, colour) {
  const line = document.createElement("div");
  const label = document.createElement("span");
  const number = document.createElement("b");
  if (colour !== null) label.className = "k" + (colour % 8);
  label.textContent = name;
  number.textContent = value;
  line.append(label, number);
  return line;
}

function point(figure) {
  const svg = figure.querySelector("svg");
  const data = JSON.parse(figure.querySelector("script").textContent);
  const [low, high, left, right] = data.axis;
  const box = svg.viewBox.baseVal;
  const here = figure.querySelector(".here");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  figure.append(tip);

  function show(event) {
    const frame = svg.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * box.width;
    const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
    const step = low + share * (high - low);
    const place = left + share * (right - left);
    here.setAttribute("x1", place);
    here.setAttribute("x2", place);
    here.style.visibility = "visible";
    tip.replaceChildren(row("step", Math.round(step).toLocaleString("en"), null));
    for (const panel of data.panels) {
      for (const line of panel.lines) {
        if (figure.hiddenSeries.has(line.series)) continue;
        const value = text(at(line, step), panel.percent);
        tip.append(row(data.names[line.series], value, line.series));
      }
    }
    tip.hidden = false;
    const across = event.clientX - frame.left;
    const room = frame.width - tip.offsetWidth;
    tip.style.left = Math.max(0, across > room - 16 ? across - tip.offsetWidth - 14
      : across + 14) + "px";
    tip.style.top = "28px";
  }
  function hide() {
    tip.hidden = true;
    here.style.visibility = "hidden";
  }
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}

function choose(figure) {
  figure.hiddenSeries = new Set();
  figure.querySelectorAll(".legend li").forEach((item, series) => {
    const label = item.firstElementChild;
    const button = document.createElement("button");
    button.type = "button";
    button.className = label.className;
    button.textContent = label.textContent;
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const off = !figure.hiddenSeries.delete(series);
      if (off) figure.hiddenSeries.add(series);
      button.setAttribute("aria-pressed", String(!off));
      const marked = `[data-series="${series}"]`;
      figure.querySelectorAll("svg " + marked).forEach((g) =>
        g.classList.toggle("off", off));
      const run = figure.dataset.runs && document.getElementById(`run-${item.dataset.run}`);
      if (run) run.hidden = off;
    });
    label.replaceWith(button);
  });
}

document.querySelectorAll("figure.chart").forEach((figure) => {
  choose(figure);
  point(figure);
});
