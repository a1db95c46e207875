// The page: which images there are, what state each is in, and what is to be seen.

import { ChestXray, Problem } from "./client.js";
import { byId, make, refill } from "./dom.js";
import * as pictures from "./pictures.js";
import { LANGUAGES, language, preferred, remember, size, speak, t } from "./language.js";

const AT_A_TIME = 2;
const THUMBNAIL = 160;

const images = [];
const client = new ChestXray({ key: sessionStorage.getItem("key") ?? "" });
let shown = null;
let facts = null;
let sending = null;
let parts = null;

// Nothing fails in silence.
addEventListener("error", ({ message }) => complain(t("broken", { message })));
addEventListener("unhandledrejection", ({ reason }) => complain(t("broken", { message: reason?.message ?? reason })));

function complain(text) {
  refill(byId("alert"), text && make("p", { class: "card bad" }, text));
}

/** What is needed only once there is an image: the viewer, the answer, the list. */
async function load() {
  const [{ openViewer }, answer, list, heat] = await Promise.all(["./viewer.js", "./answer.js", "./list.js", "./heat.js"].map((each) => import(each)));
  return { viewer: openViewer(byId("stage"), byId("controls")), answer, list, heat };
}

// Ways in ------------------------------------------------------------------------------------------

async function add(files, link = null) {
  performance.mark("added");
  complain();
  const added = [...files].map((file) => ({ blob: file, name: file.name || "image" }));
  if (link) added.push({ link, name: decodeURIComponent(new URL(link).pathname.split("/").pop()) || link });
  if (!added.length) return complain(t("noFile"));
  if (!images.length && history.state !== "work") history.pushState("work", "");
  for (const each of added) images.push(Object.assign(each, { id: crypto.getRandomValues(new Uint32Array(1))[0], state: "waiting", notes: [] }));
  shown = added[0];
  parts ??= await load();
  const prepared = added.map(prepare);
  if (byId("at-once").checked) return ask(added, prepared);
  await prepared[0];
  await added[0].seen;
  draw();
  byId("send").focus({ preventScroll: true });
  await Promise.all(prepared);
  await Promise.all(added.map(({ seen }) => seen));
  draw();
  return null;
}

/** See what an image is; resolves when it can be sent, `image.seen` when its thumbnail is there. */
async function prepare(image) {
  if (image.link) return;
  const { blob } = image;
  const kind = await pictures.kindOf(blob);
  if (pictures.shownHere(kind)) image.picture = blob;
  image.seen = see(image, kind);
  // Most need not wait for their decoding; what then turns out to have too many pixels comes back (413).
  if (!image.picture || blob.size > pictures.MOST_BYTES) await image.seen;
}

async function see(image, kind) {
  const bitmap = kind === null || image.picture ? await pictures.decode(image.blob).catch(() => null) : null;
  image.picture = bitmap && image.blob;
  if (!bitmap) return;
  image.thumbnail = pictures.drawn(bitmap, THUMBNAIL);
  if (kind === null) image.notes.push(["converted"]);
  if (kind === null || image.blob.size > pictures.MOST_BYTES) await shrink(image, bitmap);
  // The one that is about to be seen need not be decoded twice.
  if (image === shown && !image.shrunk) image.bitmap = bitmap; else bitmap.close();
}

async function shrink(image, bitmap) {
  const from = size(image.blob.size);
  const blob = await pictures.asJpeg(bitmap ?? await pictures.decode(image.picture));
  if (!image.notes.length) image.notes.push(["shrunk", { from, to: size(blob.size) }]);
  image.shrunk = image.blob = image.picture = blob;
}

// Asking -------------------------------------------------------------------------------------------

async function ask(queue, prepared = [], options = {}) {
  if (sending) return;
  sending = new AbortController();
  const { signal } = sending;
  const all = [...queue];
  for (const image of all) Object.assign(image, { state: "sending", problem: null, sent: 0 });
  draw();
  const next = async () => {
    for (let image = queue.shift(); image; image = queue.shift()) {
      await prepared[all.indexOf(image)];
      image.seen?.then(() => image === shown && draw());
      await one(image, signal, options);
      status(all);
      if (image === shown) draw();
    }
  };
  queue = [...queue];
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, next));
  } finally {
    sending = null;
    for (const image of all) if (image.state === "sending") image.state = "cancelled";
    status(all);
    draw();
  }
  if ([document.body, byId("send"), byId("cancel")].includes(document.activeElement)) byId("answer").focus({ preventScroll: true });
}

async function one(image, signal, options) {
  const started = performance.now();
  const onProgress = (share) => { image.sent = share; progress(); };
  try {
    signal.throwIfAborted();
    const answer = await client.predict(image.link ?? image.blob, {
      // The page draws the heat itself; the service's overlay is of use only where no browser shows the file.
      explain: "all", size: image.picture ? 128 : 1024, signal, onProgress, ...options,
    });
    if (!image.picture) {
      const canvas = await parts.heat.behind(answer.explanations);
      image.picture = await pictures.encoded(canvas, "image/png");
      image.thumbnail = pictures.drawn(canvas, THUMBNAIL);
      image.notes.push(["service"]);
    }
    Object.assign(image, { answer, state: "answered", chosen: answer.prediction.label, all: performance.now() - started });
  } catch (problem) {
    if (signal.aborted) return Object.assign(image, { state: "cancelled" });
    if (!(problem instanceof Problem)) throw problem;
    await image.seen;
    if (problem.code === "too_large" && image.picture && !image.shrunk) {
      await shrink(image);
      return one(image, signal, options);
    }
    if (problem.code === "unreachable" && !navigator.onLine) problem.code = "offline";
    Object.assign(image, { problem, state: problem.code === "not_a_chest_xray" ? "refused" : "failed" });
    if (problem.code === "unauthorized") askForKey();
  }
  return image;
}

function askForKey() {
  byId("key-wrong").textContent = client.key ? t("keyWrong") : "";
  keep("");
  byId("key-form").hidden = false;
  byId("key").focus();
}

function keep(key) {
  client.key = key;
  if (key) sessionStorage.setItem("key", key); else sessionStorage.removeItem("key");
  byId("forget").hidden = !key;
}

const again = (image, options) => { byId("key-form").hidden = true; ask([image], [], options); };
const locked = () => images.filter(({ problem }) => problem?.code === "unauthorized");
const waiting = () => images.filter(({ state }) => state === "waiting");

// What is to be seen -------------------------------------------------------------------------------

function draw() {
  const here = history.state === "work" && images.length > 0;
  byId("work").hidden = !here;
  byId("ways").classList.toggle("slim", here);
  // It stays while images are on their way: the second click of two must not meet another button.
  byId("send").hidden = !sending && !waiting().length;
  byId("send").setAttribute("aria-disabled", Boolean(sending));
  byId("cancel").hidden = !sending;
  byId("clear").hidden = Boolean(sending);
  byId("forget").hidden = !client.key;
  byId("version").textContent = facts ? `${facts.name} ${facts.version}` : "";
  progress();
  if (!here || !parts?.viewer) return;
  refill(byId("strip"), images.length > 1 && images.map(stripItem));
  // For the benchmark.
  parts.viewer.show(shown).then((seen) => seen && performance.mark(shown?.answer ? "heatmap" : "preview"));
  parts.answer.draw(byId("answer"), shown, {
    facts, again,
    choose(label) { shown.chosen = label; draw(); },
    png: () => parts.viewer.asPng(shown),
  });
  parts.list.draw(byId("list"), images, facts, select);
}

function stripItem(image) {
  const state = image.state === "waiting" ? "waiting" : image.state === "sending" ? "onItsWay" : null;
  const result = state ? t(state) : parts.answer.inShort(image);
  return make("li", {},
    make("button", { class: `thumb ${image.state}`, "aria-current": image === shown && "true", "data-focus": `s${image.id}`, click: () => select(image) },
      make("span", { class: "film" }, image.thumbnail), make("span", { class: "name" }, image.name), make("span", { class: "result" }, result)),
    !sending && make("button", { class: "quiet remove", "aria-label": t("remove", { name: image.name }), click: () => remove(image) }, "×"));
}

function select(image) {
  shown = image;
  draw();
}

function remove(image) {
  images.splice(images.indexOf(image), 1);
  if (!images.length) return clear();
  if (image === shown) shown = images[0];
  draw();
  (byId("strip").querySelector("button") ?? byId("clear")).focus();
  return null;
}

function clear() {
  images.length = 0;
  shown = null;
  byId("key-form").hidden = true;
  status([]);
  history.replaceState(null, "");
  draw();
  byId("files").focus();
}

function status(all) {
  const done = all.filter(({ state }) => state !== "sending").length;
  const text = !all.length ? "" : sending ? t("sending", { done, count: all.length })
    : all.length === 1 ? t("summary", { name: all[0].name, result: parts.answer.inShort(all[0]) })
      : t("sending", { done: all.filter(({ answer }) => answer).length, count: all.length }).replace(/ …$/, ".");
  byId("status").textContent = text;
}

function progress() {
  const bar = byId("progress");
  const going = images.filter(({ state }) => state === "sending");
  bar.hidden = !sending;
  const share = going.reduce((sum, { sent }) => sum + sent, 0) / going.length;
  if (share < 1) bar.value = share; else bar.removeAttribute("value");
}

// What people do -----------------------------------------------------------------------------------

byId("ways").addEventListener("submit", (event) => {
  event.preventDefault();
  const link = byId("link").value.trim();
  if (!/^https?:\/\/./i.test(link) || !URL.canParse(link)) return complain(t("badLink"));
  byId("link").value = "";
  return add([], link);
});
byId("ways").noValidate = true;
for (const id of ["files", "camera"]) {
  byId(id).addEventListener("change", ({ target }) => {
    add(target.files);
    target.value = "";
  });
}
addEventListener("paste", ({ clipboardData, target }) => {
  if (clipboardData.files.length) return add(clipboardData.files);
  const text = clipboardData.getData("text").trim();
  if (target.matches?.("input")) return null;
  return /^https?:\/\/\S+$/i.test(text) && URL.canParse(text) ? add([], text) : complain(t("noFile"));
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const link = event.dataTransfer.getData("text/uri-list");
  if (!event.dataTransfer.files.length && /^https?:/i.test(link)) add([], link);
  else add(event.dataTransfer.files);
});
byId("send").addEventListener("click", () => ask(waiting()));
byId("cancel").addEventListener("click", () => sending?.abort());
byId("clear").addEventListener("click", clear);
byId("forget").addEventListener("click", () => keep(""));
byId("at-once").addEventListener("change", ({ target }) => target.checked && waiting().length && ask(waiting()));
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(byId("key").value.trim());
  byId("key").value = "";
  byId("key-form").hidden = true;
  ask(locked());
});
addEventListener("popstate", draw);
byId("language").addEventListener("change", async ({ target }) => {
  await speak(target.value);
  remember(language);
  draw();
});

document.querySelector(".late").remove();
refill(byId("language"), Object.entries(LANGUAGES).map(([code, name]) => make("option", { value: code, lang: code }, name)));
byId("language").hidden = false;
if (history.state === "work") history.replaceState(null, "");
await speak(preferred());
byId("language").value = language;
draw();
// Also wakes the service, so that the first answer need not wait for it. The page works without the facts.
facts = await client.model().catch(() => null);
draw();
