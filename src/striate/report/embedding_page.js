"use strict";
// The map: thumbnails on a canvas that is dragged and zoomed. World coordinates are 0..1.
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("map"), pen = canvas.getContext("2d");
const card = document.getElementById("card"), legend = document.getElementById("legend");
const count = data.points.length, [thumbW, thumbH] = data.thumb;
const side = 1 + Math.max(...data.cells.map(([row, column]) => Math.max(row, column)));
const onGrid = data.cells.map(([row, column]) => [(column + 0.5) / side, (row + 0.5) / side]);
const place = data.points.map((point) => [...point]);
const dark = matchMedia("(prefers-color-scheme: dark)"), still = matchMedia("(prefers-reduced-motion: reduce)");
const sprite = new Image();
let view = { x: 0.5, y: 0.5, zoom: 1 }; // the world point in the middle, and pixels per fit
let layout = "map", paint = "labels", hovered = -1, kept = -1, chosen = -1, asked = false;

function colour(number) {
  if (number < 0) return dark.matches ? "#8a8d94" : "#777b84";
  const hue = (250 + number * 137.508) % 360; // neighbours in number are far apart in hue
  const light = (dark.matches ? 0.76 : 0.58) + [0, -0.1, 0.07][number % 3];
  return `oklch(${light} 0.16 ${hue})`;
}
const classOf = (index) => data[paint][index];
const isWrong = (i) => data.judged && data.labels[i] >= 0 && data.predicted[i] >= 0 && data.labels[i] !== data.predicted[i];

function measures() {
  const wide = canvas.clientWidth, tall = canvas.clientHeight;
  const unit = 0.92 * Math.min(wide, tall) * view.zoom; // screen pixels per world unit
  return { wide, tall, unit };
}
function size(unit) { // a thumbnail's longer side, screen pixels
  if (layout === "grid") return unit / side;
  const crowd = Math.sqrt(count);
  return Math.max(4, Math.min(1.35 * unit / crowd, 14 + 18 * Math.log2(1 + view.zoom), 3 * thumbW));
}
function onScreen(index, m) {
  return [(place[index][0] - view.x) * m.unit + m.wide / 2, (place[index][1] - view.y) * m.unit + m.tall / 2];
}
function box(index, m, long) {
  const [x, y] = onScreen(index, m), ratio = long / Math.max(thumbW, thumbH);
  const w = thumbW * ratio, h = thumbH * ratio;
  return [x - w / 2, y - h / 2, w, h];
}
function source(index) {
  return [(index % data.columns) * thumbW, Math.floor(index / data.columns) * thumbH];
}
function frame(index, [x, y, w, h], thick, stroke, dashed) {
  pen.lineWidth = thick;
  pen.strokeStyle = stroke;
  pen.setLineDash(dashed ? [thick * 1.6, thick * 1.2] : []);
  pen.strokeRect(x - thick / 2, y - thick / 2, w + thick, h + thick);
  pen.setLineDash([]);
}
function paintOne(index, m, long, strong) {
  const at = box(index, m, long);
  if (at[0] > m.wide || at[1] > m.tall || at[0] + at[2] < 0 || at[1] + at[3] < 0) return;
  pen.globalAlpha = strong || chosen < 0 || classOf(index) === chosen ? 1 : 0.12;
  if (long < 7) {
    pen.fillStyle = colour(classOf(index));
    pen.fillRect(...at);
  } else {
    pen.drawImage(sprite, ...source(index), thumbW, thumbH, ...at);
    const gap = layout === "grid" ? Math.min(3, long / 12) : Math.max(1.5, long / 14);
    const inside = layout === "grid" ? [at[0] + gap, at[1] + gap, at[2] - 2 * gap, at[3] - 2 * gap] : at;
    frame(index, inside, gap, colour(classOf(index)), isWrong(index));
  }
  pen.globalAlpha = 1;
}
function draw() {
  asked = false;
  const m = measures(), sharp = devicePixelRatio || 1;
  if (canvas.width !== Math.round(m.wide * sharp) || canvas.height !== Math.round(m.tall * sharp)) {
    canvas.width = Math.round(m.wide * sharp);
    canvas.height = Math.round(m.tall * sharp);
  }
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, m.wide, m.tall);
  const long = size(m.unit), focus = hovered >= 0 ? hovered : kept;
  for (let index = 0; index < count; index++) paintOne(index, m, long, false);
  if (focus < 0) return;
  const ink = getComputedStyle(document.body).color, near = data.near.features[focus] || [];
  const from = onScreen(focus, m);
  for (const other of near) {
    const to = onScreen(other, m);
    pen.lineWidth = 1.5;
    pen.strokeStyle = ink;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }
  for (const other of near) paintOne(other, m, Math.max(long, 26), true);
  const large = Math.max(long * 1.4, 44);
  paintOne(focus, m, large, true);
  frame(focus, box(focus, m, large), 3, ink, false);
}
function redraw() {
  if (!asked) { asked = true; requestAnimationFrame(draw); }
}
function indexAt(x, y) {
  const m = measures(), long = Math.max(size(m.unit), 10);
  let best = -1, least = Infinity;
  for (let index = 0; index < count; index++) {
    const [left, top, w, h] = box(index, m, long);
    if (x < left || y < top || x > left + w || y > top + h) continue;
    const far = (x - left - w / 2) ** 2 + (y - top - h / 2) ** 2;
    if (far < least) { least = far; best = index; }
  }
  return best;
}
function thumbnail(index, cls) {
  const made = document.createElement("canvas");
  made.width = thumbW; made.height = thumbH; made.className = cls;
  made.getContext("2d").drawImage(sprite, ...source(index), thumbW, thumbH, 0, 0, thumbW, thumbH);
  return made;
}
function element(name, text, cls) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (cls) made.className = cls;
  return made;
}
function neighbours(title, indices) {
  const row = element("div", "", "near");
  for (const other of indices) {
    const label = data.classes[data.labels[other]] || data.classes[data.predicted[other]] || "";
    const button = element("button");
    button.type = "button";
    button.title = `${label} ${data.names[other]}`;
    button.setAttribute("aria-label", button.title);
    button.style.borderColor = colour(classOf(other));
    button.append(thumbnail(other, ""));
    button.addEventListener("click", () => keep(other));
    row.append(button);
  }
  return [element("h3", title), row];
}
function tell(index) {
  if (index < 0) return;
  const label = data.classes[data.labels[index]] || "", answer = data.classes[data.predicted[index]] || "";
  const parts = [thumbnail(index, "picture"), element("b", label || answer)];
  if (label && answer) {
    const text = isWrong(index) ? `answered ${answer}: wrong` : `answered ${answer}`;
    parts.push(element("small", text, isWrong(index) ? "wrong" : ""));
  }
  parts.push(element("small", data.names[index]));
  parts.push(...neighbours("Nearest for the network", data.near.features[index]));
  parts.push(...neighbours("Nearest by pixels", data.near.pixels[index]));
  card.replaceChildren(...parts);
}
function keep(index) {
  kept = index; hovered = -1;
  tell(index);
  const m = measures(), [x, y] = onScreen(index, m);
  if (x < 0 || y < 0 || x > m.wide || y > m.tall) { view.x = place[index][0]; view.y = place[index][1]; }
  redraw();
}
function zoomAt(x, y, factor) {
  const m = measures(), next = Math.min(Math.max(view.zoom * factor, 0.5), 4 * Math.sqrt(count));
  const unit = m.unit * next / view.zoom;
  view.x += (x - m.wide / 2) * (1 / m.unit - 1 / unit);
  view.y += (y - m.tall / 2) * (1 / m.unit - 1 / unit);
  view.zoom = next;
  redraw();
}
function whole() { view = { x: 0.5, y: 0.5, zoom: 1 }; redraw(); }
function arrange(name, takes = still.matches ? 0 : 700) {
  layout = name;
  const from = place.map((point) => [...point]), to = name === "grid" ? onGrid : data.points;
  const began = performance.now();
  (function move(now) {
    const t = takes ? Math.min(1, Math.max(0, (now - began) / takes)) : 1, ease = t * t * (3 - 2 * t);
    for (let i = 0; i < count; i++) {
      place[i][0] = from[i][0] + ease * (to[i][0] - from[i][0]);
      place[i][1] = from[i][1] + ease * (to[i][1] - from[i][1]);
    }
    draw();
    if (t < 1 && layout === name) requestAnimationFrame(move);
  })(began);
}
function makeLegend() {
  const numbers = new Map();
  for (const number of data[paint]) numbers.set(number, (numbers.get(number) || 0) + 1);
  const sorted = [...numbers].sort((a, b) => a[0] - b[0]);
  legend.replaceChildren(...sorted.map(([number, times]) => {
    const item = element("li"), button = element("button"), dot = element("i");
    dot.style.background = colour(number);
    button.type = "button";
    button.append(dot, element("span", data.classes[number] || "no label"), element("small", String(times)));
    button.setAttribute("aria-pressed", String(chosen === number));
    button.addEventListener("click", () => { chosen = chosen === number ? -1 : number; makeLegend(); redraw(); });
    item.append(button);
    return item;
  }));
}
const fingers = new Map();
let travelled = 0;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
  travelled = 0;
  canvas.classList.add("grabbed");
});
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId), now = [event.offsetX, event.offsetY];
  if (!before) {
    const found = indexAt(...now);
    if (found !== hovered) { hovered = found; tell(found >= 0 ? found : kept); redraw(); }
    return;
  }
  const m = measures();
  if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const far = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, far(now) / Math.max(1, far(before)));
  } else {
    view.x -= (now[0] - before[0]) / m.unit;
    view.y -= (now[1] - before[1]) / m.unit;
  }
  travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
  fingers.set(event.pointerId, now);
  redraw();
});
for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => {
  fingers.delete(event.pointerId);
  canvas.classList.remove("grabbed");
  if (kind === "pointerup" && travelled < 4) {
    kept = indexAt(event.offsetX, event.offsetY);
    tell(kept);
    redraw();
  }
});
canvas.addEventListener("pointerleave", () => { hovered = -1; tell(kept); redraw(); });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY * (event.deltaMode ? 0.06 : 0.0018)));
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const m = measures(), step = 60 / m.unit, middle = [m.wide / 2, m.tall / 2];
  const moves = {
    ArrowLeft: () => { view.x -= step; }, ArrowRight: () => { view.x += step; },
    ArrowUp: () => { view.y -= step; }, ArrowDown: () => { view.y += step; },
    "+": () => zoomAt(...middle, 1.3), "=": () => zoomAt(...middle, 1.3),
    "-": () => zoomAt(...middle, 1 / 1.3), 0: whole,
  };
  if (!moves[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  moves[event.key]();
  redraw();
});
document.getElementById("whole").addEventListener("click", whole);
for (const input of document.querySelectorAll(".choice input")) input.addEventListener("change", () => {
  if (input.name === "layout") arrange(input.value);
  else { paint = input.value; chosen = -1; makeLegend(); tell(kept); redraw(); }
});
dark.addEventListener("change", () => { makeLegend(); redraw(); });
addEventListener("resize", redraw);
sprite.onload = () => {
  const wanted = new URLSearchParams(location.hash.slice(1)); // #grid=1&image=3 opens so
  if (wanted.get("grid")) {
    document.querySelector("input[value=grid]").checked = true;
    arrange("grid", 0);
  }
  if (wanted.get("image")) keep(Math.min(count - 1, Math.max(0, Number(wanted.get("image")) || 0)));
  redraw();
};
if (data.labels.every((number) => number < 0)) {
  document.querySelector("input[value=predicted]").checked = true;
  paint = "predicted";
}
makeLegend();
sprite.src = data.sprite;
