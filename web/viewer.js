// The radiograph and the heat over it: opacity, colours, side by side, zoom and pan.

import { download, make, refill } from "./dom.js";
import { MAPS, colour, paint } from "./heat.js";
import { language, percent, t } from "./language.js";
import { decode, drawn, encoded } from "./pictures.js";

const MOST_ZOOM = 12;
const SIDE = 4096;
const STEP = 60;

/** What explains the class that was chosen, or undefined. */
export const explanation = ({ answer, chosen }) => answer?.explanations.find(({ label }) => label === chosen);

/** Fill the stage and its controls; the heat is hidden while H or the button is held. */
export function openViewer(stage, controls) {
  const root = stage.parentElement;
  const settings = { opacity: 55, map: MAPS[0], beside: false };
  const view = { zoom: 1, x: 0, y: 0 };
  const heat = make("canvas", { class: "heat", "aria-hidden": "true" });
  const films = [0, 1].map(() => make("canvas", { role: "img" }));
  const panes = films.map((film, i) => make("div", { class: "pane" }, make("div", { class: "film" }, film, !i && heat)));
  const nothing = make("p");
  const scale = make("canvas", { class: "scale", width: 256, height: 1, "aria-hidden": "true" });
  stage.append(...panes, nothing);
  let image = null, loaded = null, ready = null, said = null;

  /** Show an image, or why there is none yet; resolves when it is on the screen, to whether there is one. */
  async function show(next) {
    if (image !== next) Object.assign(view, { zoom: 1, x: 0, y: 0 });
    image = next;
    if (said !== language) drawControls();
    if (loaded !== image.picture) {
      loaded = image.picture;
      ready = load(image);
    }
    const there = await ready;
    if (image !== next) return false;
    stage.classList.toggle("empty", !there);
    nothing.textContent = there ? "" : t("preview");
    drawHeat();
    await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
    return there;
  }

  async function load({ bitmap, picture }) {
    bitmap ??= picture && await decode(picture).catch(() => null);
    if (!bitmap || picture !== loaded) return Boolean(bitmap);
    drawn(bitmap, SIDE, films[0]);
    stage.style.setProperty("--ratio", bitmap.width / bitmap.height);
    bitmap.close();
    image.bitmap = null;
    return true;
  }

  function drawHeat() {
    const map = explanation(image)?.heatmap;
    root.classList.toggle("with-heat", Boolean(map));
    root.classList.toggle("beside", settings.beside);
    panes[1].hidden = !settings.beside;
    if (settings.beside) drawn(films[0], SIDE, films[1]);
    heat.style.opacity = settings.opacity / 100;
    if (map) paint(heat, map, settings.map);
    const strip = scale.getContext("2d");
    for (let x = 0; x < 256; x++) {
      strip.fillStyle = `rgb(${colour(settings.map, x / 255)})`;
      strip.fillRect(x, 0, 1, 1);
    }
    place();
  }

  function place() {
    const pane = panes[0], film = films[0].parentElement;
    for (const [way, side] of [["x", "Width"], ["y", "Height"]]) {
      const most = Math.max(0, (film[`offset${side}`] * view.zoom - pane[`offset${side}`]) / 2);
      view[way] = Math.min(most, Math.max(-most, view[way]));
      stage.style.setProperty(`--${way}`, `${view[way]}px`);
    }
    stage.style.setProperty("--zoom", view.zoom);
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

  function fromCentre({ clientX, clientY }) {
    const box = (document.elementFromPoint(clientX, clientY)?.closest(".pane") ?? panes[0]).getBoundingClientRect();
    return [clientX - box.left - box.width / 2, clientY - box.top - box.height / 2];
  }

  const hide = (hidden) => root.classList.toggle("hide", hidden);
  const unhide = () => hide(false);

  function drawControls() {
    said = language;
    for (const film of films) film.ariaLabel = t("radiograph");
    const button = (text, click, more) => make("button", { click, ...more }, text);
    const set = (name) => ({ target }) => { settings[name] = target.value; drawHeat(); };
    const named = (map) => map[0].toUpperCase() + map.slice(1);
    refill(controls,
      make("label", {}, t("heat"), make("input", { type: "range", value: settings.opacity, input: set("opacity") })),
      make("label", {}, t("colours"), make("select", { change: set("map") }, MAPS.map((map, i) => make("option", { value: map, selected: map === settings.map }, i ? t("safe", { map: named(map) }) : named(map))))),
      make("span", { class: "legend" }, t("cold"), scale, t("hot")),
      make("span", { class: "row" },
        button(t("hold"), null, { class: "hold", pointerdown: () => hide(true), pointerup: unhide, pointerleave: unhide }),
        button(t("beside"), ({ target }) => {
          settings.beside = !settings.beside;
          target.ariaPressed = settings.beside;
          drawHeat();
        }, { "aria-pressed": String(settings.beside) }),
        button("−", () => zoom(1 / 1.5), { "aria-label": t("farther") }),
        button("+", () => zoom(1.5), { "aria-label": t("closer") }),
        button(t("whole"), () => zoom(0))),
      make("p", { id: "keys", class: "small" }, t("keys")));
  }

  // Keys, mouse, fingers
  const keys = { "+": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => zoom(0) };
  const arrows = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
  stage.addEventListener("keydown", (event) => {
    const { key } = event;
    const act = keys[key] ?? (view.zoom > 1 && arrows[key] && (() => pan(...arrows[key])));
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  addEventListener("keydown", ({ key, target, ctrlKey, metaKey }) => {
    if (key.toLowerCase() === "h" && !ctrlKey && !metaKey && !target.matches?.("#link, #key, select")) hide(true);
  });
  addEventListener("keyup", unhide);
  addEventListener("blur", unhide);
  addEventListener("resize", place);
  stage.addEventListener("dblclick", (event) => (view.zoom > 1 ? zoom(0) : zoom(3, ...fromCentre(event))));
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200), ...fromCentre(event));
  });
  const fingers = new Map();
  const lift = ({ pointerId }) => fingers.delete(pointerId);
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find((each) => each !== before);
    const apart = ({ clientX, clientY }) => Math.hypot(clientX - other.clientX, clientY - other.clientY);
    const middle = (way) => (before[way] + other[way]) / 2;
    if (other) zoom(apart(event) / Math.max(1, apart(before)), ...fromCentre({ clientX: middle("clientX"), clientY: middle("clientY") }));
    pan((event.clientX - before.clientX) / fingers.size, (event.clientY - before.clientY) / fingers.size);
    fingers.set(event.pointerId, event);
  });

  /** Radiograph with heat as a file; below it what a picture must not travel without. */
  async function asPng({ answer, chosen, name }) {
    const { width, height } = films[0];
    const line = Math.max(14, Math.round(width / 40));
    const canvas = make("canvas", { width, height: height + 4 * line });
    const context = canvas.getContext("2d");
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(films[0], 0, 0);
    context.globalAlpha = settings.opacity / 100;
    context.drawImage(heat, 0, 0, width, height);
    context.globalAlpha = 1;
    context.fillStyle = "#fff";
    context.font = `${line}px sans-serif`;
    const { model, probabilities } = answer;
    [`${t("heat")}: ${t(chosen)}, ${percent(probabilities[chosen])}. ${model.name} ${model.version}`, t("notice")]
      .forEach((text, i) => context.fillText(text, line, height + (1.5 + 1.4 * i) * line, width - 2 * line));
    download(await encoded(canvas), `${name}.${chosen}.png`);
  }

  return { show, asPng };
}
