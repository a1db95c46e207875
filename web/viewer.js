// The radiograph and the heat over it: opacity, colours, side by side, zoom and pan.

import { download, make, refill } from "./dom.js";
import { MAPS, colour, paint } from "./heat.js";
import { language, percent, t } from "./language.js";
import { decode, drawOn, encoded } from "./pictures.js";

const MOST_ZOOM = 12;
const SIDE = 4096;

/** Fill the stage and its controls; the heat is hidden while H or the button is held. */
export function openViewer(stage, controls) {
  const settings = { opacity: 55, map: "turbo", beside: false };
  const view = { zoom: 1, x: 0, y: 0 };
  const heat = make("canvas", { class: "heat", "aria-hidden": "true" });
  const films = [make("canvas", { role: "img" }), make("canvas", { role: "img" })];
  const panes = [make("div", { class: "pane" }, make("div", { class: "film" }, films[0], heat)), make("div", { class: "pane" }, make("div", { class: "film" }, films[1]))];
  const nothing = make("p");
  const scale = make("canvas", { class: "scale", width: 256, height: 1, "aria-hidden": "true" });
  const root = stage.parentElement;
  stage.append(...panes, nothing);
  let image = null, loaded = null, ready = null, said = null;

  /** Show an image, or why there is none yet; resolves when it is on the screen, to whether there is one. */
  async function show(next) {
    if (image !== next) Object.assign(view, { zoom: 1, x: 0, y: 0 });
    image = next;
    if (said !== language) drawControls();
    if (loaded !== image?.picture) {
      loaded = image?.picture;
      ready = load(image);
    }
    const there = await ready;
    if (image !== next) return false;
    stage.classList.toggle("empty", !there);
    nothing.textContent = there ? "" : t("preview");
    drawHeat();
    place();
    await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
    return there;
  }

  async function load({ bitmap, picture }) {
    bitmap ??= picture && await decode(picture).catch(() => null);
    if (!bitmap || picture !== loaded) return Boolean(bitmap);
    drawOn(films[0], bitmap, SIDE);
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
    if (settings.beside) drawOn(films[1], films[0], SIDE);
    heat.style.opacity = settings.opacity / 100;
    if (map) paint(heat, map, settings.map);
    const strip = scale.getContext("2d");
    for (let x = 0; x < 256; x++) {
      strip.fillStyle = `rgb(${colour(settings.map, x / 255)})`;
      strip.fillRect(x, 0, 1, 1);
    }
  }

  function place() {
    const pane = panes[0].getBoundingClientRect(), film = films[0].parentElement;
    const across = Math.max(0, (film.offsetWidth * view.zoom - pane.width) / 2), down = Math.max(0, (film.offsetHeight * view.zoom - pane.height) / 2);
    view.x = Math.min(across, Math.max(-across, view.x));
    view.y = Math.min(down, Math.max(-down, view.y));
    stage.classList.toggle("zoomed", view.zoom > 1);
    for (const [name, value] of [["--zoom", view.zoom], ["--x", `${view.x}px`], ["--y", `${view.y}px`]]) stage.style.setProperty(name, value);
  }

  /** Zoom about a point of the pane, given from its centre. */
  function zoom(factor, x = 0, y = 0) {
    const before = view.zoom;
    view.zoom = Math.min(MOST_ZOOM, Math.max(1, before * factor));
    view.x = x - (x - view.x) * (view.zoom / before);
    view.y = y - (y - view.y) * (view.zoom / before);
    place();
  }

  function pan(x, y) {
    view.x += x;
    view.y += y;
    place();
  }

  const fromCentre = ({ clientX, clientY, target }) => {
    const box = (target.closest(".pane") ?? panes[0]).getBoundingClientRect();
    return [clientX - box.left - box.width / 2, clientY - box.top - box.height / 2];
  };
  const hide = (hidden) => root.classList.toggle("hide", hidden);

  function drawControls() {
    said = language;
    for (const film of films) film.setAttribute("aria-label", t("radiograph"));
    const button = (text, click, more = {}) => make("button", { type: "button", click, ...more }, text);
    refill(controls,
      make("label", {}, t("heat"), make("input", { type: "range", min: 0, max: 100, value: settings.opacity, input: ({ target }) => { settings.opacity = Number(target.value); drawHeat(); } })),
      make("label", {}, t("colours"), make("select", { change: ({ target }) => { settings.map = target.value; drawHeat(); } },
        MAPS.map((map) => make("option", { value: map, selected: map === settings.map }, map === "turbo" ? "Turbo" : t("safe", { map: map[0].toUpperCase() + map.slice(1) }))))),
      make("span", { class: "legend" }, t("cold"), scale, t("hot")),
      make("span", { class: "row" },
        button(t("hold"), null, { class: "hold", pointerdown: () => hide(true), pointerup: () => hide(false), pointerleave: () => hide(false) }),
        button(t("beside"), ({ target }) => {
          settings.beside = !settings.beside;
          target.setAttribute("aria-pressed", settings.beside);
          drawHeat();
          place();
        }, { "aria-pressed": String(settings.beside) }),
        button("−", () => zoom(1 / 1.5), { "aria-label": t("farther") }),
        button("+", () => zoom(1.5), { "aria-label": t("closer") }),
        button(t("whole"), () => zoom(0))),
      make("p", { id: "keys", class: "small" }, t("keys")));
  }

  // Keys, mouse, fingers ---------------------------------------------------------------------------

  stage.addEventListener("keydown", (event) => {
    const step = 60;
    const actions = { "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => zoom(0), ArrowLeft: () => pan(step, 0), ArrowRight: () => pan(-step, 0), ArrowUp: () => pan(0, step), ArrowDown: () => pan(0, -step) };
    if (!(event.key in actions) || event.ctrlKey || event.metaKey || (event.key.startsWith("Arrow") && view.zoom === 1)) return;
    event.preventDefault();
    actions[event.key]();
  });
  addEventListener("keydown", ({ key, target, ctrlKey, metaKey }) => {
    if (key.toLowerCase() === "h" && !ctrlKey && !metaKey && !target.matches?.("input:not([type=range], [type=checkbox]), select")) hide(true);
  });
  addEventListener("keyup", () => hide(false));
  addEventListener("blur", () => hide(false));
  addEventListener("resize", place);
  stage.addEventListener("dblclick", (event) => (view.zoom > 1 ? zoom(0) : zoom(3, ...fromCentre(event))));
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200), ...fromCentre(event));
  }, { passive: false });
  const fingers = new Map();
  stage.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    if (other) {
      const apart = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
      zoom(apart(event) / Math.max(1, apart(before)));
    }
    pan((event.clientX - before.clientX) / fingers.size, (event.clientY - before.clientY) / fingers.size);
    fingers.set(event.pointerId, event);
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, ({ pointerId }) => fingers.delete(pointerId));

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
    const label = t(chosen);
    [`${t("heat")}: ${label}, ${percent(answer.probabilities[chosen])}. ${answer.model.name} ${answer.model.version}`, t("notice")]
      .forEach((text, i) => context.fillText(text, line, height + (1.5 + 1.4 * i) * line, width - 2 * line));
    download(await encoded(canvas, "image/png"), `${name}.${chosen}.png`);
  }

  return { show, asPng };
}

/** What explains the class that was chosen, or undefined. */
export const explanation = (image) => image?.answer?.explanations.find(({ label }) => label === image.chosen);
