// The radiograph and the heat over it.

import { byId, download, make, on } from "./dom.js";
import { MAPS, paint } from "./heat.js";
import { percent, t } from "./language.js";
import { drawn, encoded } from "./pictures.js";

const MOST_ZOOM = 12;
const SIDE = 4096;
const FACTORS = { "+": 1.5, "-": 1 / 1.5, 0: 0 };
const STEPS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

const stage = byId("stage");
const root = stage.parentElement;
const pane = stage.querySelector(".pane");
const films = stage.querySelectorAll("[role=img]");
const heat = stage.querySelector(".heat");
const view = { zoom: 1, x: 0, y: 0 };
let image, loaded, ready;

/** What explains the class that was chosen, or undefined. */
export const explanation = ({ answer, chosen }) => answer?.explanations.find(({ label }) => label === chosen);

/** Show an image, or that there is none yet; resolves to whether there is one. */
export async function show(next) {
  if (image !== next) Object.assign(view, { zoom: 1, x: 0, y: 0 });
  image = next;
  if (loaded !== image.picture) {
    loaded = image.picture;
    ready = load(image);
  }
  const there = await ready;
  if (image !== next) return false;
  stage.classList.toggle("empty", !there);
  drawHeat();
  await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
  return there;
}

async function load({ bitmap, picture }) {
  bitmap ??= picture && await createImageBitmap(picture).catch(() => null);
  if (!bitmap || picture !== loaded) return Boolean(bitmap);
  drawn(bitmap, SIDE, films[0]);
  stage.style.setProperty("--ratio", bitmap.width / bitmap.height);
  bitmap.close();
  image.bitmap = null;
  return true;
}

function drawHeat() {
  const heatmap = explanation(image)?.heatmap;
  const map = byId("map").value;
  root.classList.toggle("with-heat", Boolean(heatmap));
  if (root.matches(".beside")) drawn(films[0], SIDE, films[1]);
  heat.style.opacity = byId("opacity").value / 100;
  if (heatmap) paint(heat, heatmap, map);
  byId("scale").style.background = `linear-gradient(to right, ${MAPS[map].map((rgb) => `rgb(${rgb})`)})`;
  place();
}

function place() {
  for (const [way, side] of [["x", "offsetWidth"], ["y", "offsetHeight"]]) {
    const most = Math.max(0, (heat[side] * view.zoom - pane[side]) / 2);
    view[way] = Math.min(most, Math.max(-most, view[way]));
  }
  stage.style.setProperty("--view", `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`);
  stage.classList.toggle("zoomed", view.zoom > 1);
}

function pan(x, y) {
  view.x += x;
  view.y += y;
  place();
}

/** Zoom about a point of the pane, given from its centre. */
function zoom(factor, x = 0, y = 0) {
  const before = view.zoom;
  view.zoom = Math.min(MOST_ZOOM, Math.max(1, before * factor));
  const grown = view.zoom / before - 1;
  pan((view.x - x) * grown, (view.y - y) * grown);
}

function fromCentre(x, y) {
  const box = (document.elementFromPoint(x, y)?.closest(".pane") ?? pane).getBoundingClientRect();
  return [x - box.left - box.width / 2, y - box.top - box.height / 2];
}

const hide = () => root.classList.add("hide");
const unhide = () => root.classList.remove("hide");

on("controls", "input", drawHeat);
on("hold", "pointerdown", hide);
on("beside", "click", ({ target }) => {
  target.ariaPressed = root.classList.toggle("beside");
  drawHeat();
});
on("controls", "click", ({ target }) => target.name in FACTORS && zoom(FACTORS[target.name]));
on("stage", "keydown", (event) => {
  const { key, ctrlKey, metaKey } = event;
  const step = view.zoom > 1 && STEPS[key];
  if (ctrlKey || metaKey || !(step || key in FACTORS)) return;
  event.preventDefault();
  if (step) pan(...step); else zoom(FACTORS[key]);
});
addEventListener("keydown", ({ key, target, ctrlKey, metaKey }) => {
  if (key.toLowerCase() === "h" && !ctrlKey && !metaKey && !target.matches?.("#link, #key, select")) hide();
});
for (const event of ["keyup", "pointerup", "pointercancel", "blur"]) addEventListener(event, unhide);
addEventListener("resize", place);
on("stage", "dblclick", ({ x, y }) => (view.zoom > 1 ? zoom(0) : zoom(3, ...fromCentre(x, y))));
on("stage", "wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 200), ...fromCentre(event.x, event.y));
});
const fingers = new Map();
on("stage", "pointerdown", (event) => {
  fingers.set(event.pointerId, event);
  stage.setPointerCapture(event.pointerId);
});
on("stage", "lostpointercapture", ({ pointerId }) => fingers.delete(pointerId));
on("stage", "pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const other = [...fingers.values()].find((each) => each !== before);
  if (other) {
    const apart = ({ x, y }) => Math.hypot(x - other.x, y - other.y);
    zoom(apart(event) / Math.max(1, apart(before)), ...fromCentre((before.x + other.x) / 2, (before.y + other.y) / 2));
  }
  pan((event.x - before.x) / fingers.size, (event.y - before.y) / fingers.size);
  fingers.set(event.pointerId, event);
});

/** Radiograph with heat as a file, with what it must not travel without. */
export async function asPng({ answer: { model, probabilities }, chosen, name }) {
  const { width, height } = films[0];
  const line = Math.max(14, Math.round(width / 40));
  const canvas = make("canvas", { width, height: height + 4 * line });
  const context = canvas.getContext("2d", { alpha: false });
  context.drawImage(films[0], 0, 0);
  context.globalAlpha = heat.style.opacity;
  context.drawImage(heat, 0, 0, width, height);
  context.globalAlpha = 1;
  context.fillStyle = "#fff";
  context.font = `${line}px sans-serif`;
  [`${t("heat")}: ${t(chosen)}, ${percent(probabilities[chosen])}. ${model.name} ${model.version}`, t("notice")]
    .forEach((text, i) => context.fillText(text, line, height + (1.5 + 1.4 * i) * line, width - 2 * line));
  download(await encoded(canvas), `${name}.${chosen}.png`);
}
