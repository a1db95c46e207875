// The page: which images there are, what state each is in, and what is to be seen.

import { ChestXray, Problem } from "./client.js";
import { byId, make, refill } from "./dom.js";
import { LANGUAGES, language, names, preferred, size, speak, t } from "./language.js";
import * as pictures from "./pictures.js";

const AT_A_TIME = 2;
const THUMBNAIL = 160;

const images = [];
const client = new ChestXray({ key: sessionStorage.getItem("key") ?? "" });
let shown = null;
let facts = null;
let sending = null;
let asked = null;
let parts = null;

// Nothing fails in silence.
addEventListener("error", ({ message }) => complain("broken", { message }));
addEventListener("unhandledrejection", ({ reason }) => complain("broken", { message: reason?.message ?? reason }));

function complain(key, values) {
  refill(byId("alert"), key && make("p", { class: "card bad" }, t(key, values)));
}

/** What is needed only once there is an image. */
async function load() {
  const [{ openViewer }, answer, list, heat] = await Promise.all(["viewer", "answer", "list", "heat"].map((each) => import(`./${each}.js`)));
  return { viewer: openViewer(byId("stage"), byId("controls")), answer, list, heat };
}

// Ways in

async function add(files, link) {
  performance.mark("added");
  complain();
  const added = [...files].map((blob) => ({ blob, name: blob.name || "image" }));
  if (link) added.push({ link, name: link.replace(/[?#].*/, "").split("/").pop() || link });
  if (!added.length) return complain("noFile");
  if (history.state !== "work") history.pushState("work", "");
  for (const each of added) images.push(Object.assign(each, { id: crypto.getRandomValues(new Uint32Array(1))[0], state: "waiting", notes: [] }));
  [shown] = added;
  parts ??= await load();
  const prepared = added.map(prepare);
  if (byId("at-once").checked) {
    while (sending) await asked;
    return ask(added, prepared);
  }
  for (const [i, each] of added.entries()) {
    await prepared[i];
    await each.seen;
    draw();
    if (!i) byId("send").focus({ preventScroll: true });
  }
  return null;
}

/** See what an image is; resolves when it can be sent, `image.seen` when its thumbnail is there. */
async function prepare(image) {
  const { blob, link } = image;
  if (link) return;
  const kind = await pictures.kindOf(blob);
  if (kind === "other") return;
  if (kind) image.picture = blob;
  image.seen = see(image, kind);
  // Most need not wait for their decoding; what then turns out to have too many pixels comes back (413).
  if (!kind || blob.size > pictures.MOST_BYTES) await image.seen;
}

async function see(image, kind) {
  const { blob } = image;
  const bitmap = await pictures.decode(blob).catch(() => null);
  image.picture = bitmap && blob;
  if (!bitmap) return;
  image.thumbnail = pictures.drawn(bitmap, THUMBNAIL);
  if (!kind) image.notes.push(["converted"]);
  if (!kind || blob.size > pictures.MOST_BYTES) await shrink(image, bitmap);
  // The one that is about to be seen need not be decoded twice.
  if (image === shown && !image.shrunk) image.bitmap = bitmap; else bitmap.close();
}

async function shrink(image, bitmap) {
  const blob = await pictures.shrunk(bitmap ?? await pictures.decode(image.picture));
  if (!image.notes.length) image.notes.push(["shrunk", { from: size(image.blob.size), to: size(blob.size) }]);
  image.shrunk = image.blob = image.picture = blob;
}

// Asking

function ask(...what) {
  if (!sending) asked = askAll(...what);
}

async function askAll(all, prepared = [], options = {}) {
  sending = new AbortController();
  const { signal } = sending;
  for (const image of all) Object.assign(image, { state: "sending", problem: null, sent: 0 });
  draw();
  const queue = [...all.entries()];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [i, image] = next;
      await prepared[i];
      image.seen?.then(() => image === shown && draw());
      await one(image, signal, options);
      status(all);
      if (image === shown) draw();
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  } finally {
    sending = null;
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
    // The page draws the heat itself; the service's overlay is of use only where no browser shows the file.
    const answer = await client.predict(image.link ?? image.blob, { explain: "all", size: image.picture ? 128 : 1024, signal, onProgress, ...options });
    if (!image.picture) {
      const canvas = await parts.heat.behind(answer.explanations);
      image.picture = await pictures.encoded(canvas);
      image.thumbnail = pictures.drawn(canvas, THUMBNAIL);
      image.notes.push(["service"]);
    }
    Object.assign(image, { answer, state: "answered", chosen: answer.prediction.label, all: performance.now() - started });
  } catch (problem) {
    await image.seen;
    image.state = "cancelled";
    if (signal.aborted) return;
    if (!(problem instanceof Problem)) throw problem;
    if (problem.code === "too_large" && image.picture && !image.shrunk) {
      await shrink(image);
      return one(image, signal, options);
    }
    if (problem.code === "unreachable" && !navigator.onLine) problem.code = "offline";
    Object.assign(image, { problem, state: problem.code === "not_a_chest_xray" ? "refused" : "failed" });
    if (problem.code === "unauthorized") askForKey();
  }
}

function askForKey() {
  byId("key-wrong").textContent = client.key && t("keyWrong");
  keep("");
  byId("key-form").hidden = false;
  byId("key").focus();
}

function keep(key) {
  client.key = key;
  sessionStorage.setItem("key", key);
  byId("key").value = "";
  byId("forget").hidden = !key;
  byId("key-form").hidden = true;
}

const waiting = () => images.filter(({ state }) => state === "waiting");

// What is to be seen

function draw() {
  const here = history.state === "work" && images.length > 0;
  byId("work").hidden = !here;
  byId("ways").classList.toggle("slim", here);
  // It stays while images are on their way: the second click of two must not meet another button.
  byId("send").hidden = !sending && !waiting().length;
  byId("send").ariaDisabled = Boolean(sending);
  byId("cancel").hidden = !sending;
  byId("clear").hidden = Boolean(sending);
  progress();
  if (!here || !parts) return;
  refill(byId("strip"), images.length > 1 && images.map(thumbnail));
  // The marks are for the benchmark.
  parts.viewer.show(shown).then((seen) => seen && performance.mark(shown?.answer ? "heatmap" : "preview"));
  parts.answer.draw(byId("answer"), shown, {
    facts,
    again(options) {
      byId("key-form").hidden = true;
      ask([shown], [], options);
    },
    choose(label) {
      shown.chosen = label;
      draw();
    },
    png: () => parts.viewer.asPng(shown),
  });
  parts.list.draw(byId("list"), images, select);
}

function thumbnail(image) {
  const { id, name, state } = image;
  return make("li", {},
    make("button", { class: `thumb ${state}`, "aria-current": image === shown && "true", "data-focus": id, click: () => select(image) },
      make("span", { class: "film" }, image.thumbnail), make("span", { class: "name" }, name), make("span", { class: "result" }, parts.answer.inShort(image))),
    !sending && make("button", { class: "quiet remove", "aria-label": t("remove", { name }), click: () => remove(image) }, "×"));
}

function select(image) {
  shown = image;
  draw();
}

function remove(image) {
  images.splice(images.indexOf(image), 1);
  select(image === shown ? images[0] : shown);
  (byId("strip").querySelector("button") ?? byId("clear")).focus();
}

function clear() {
  images.length = 0;
  byId("key-form").hidden = true;
  byId("status").textContent = "";
  history.replaceState(null, "");
  draw();
  byId("files").focus();
}

function status(all) {
  const count = all.length;
  const done = all.filter(({ answer, state }) => (sending ? state !== "sending" : answer)).length;
  byId("status").textContent = count === 1 && !sending ? `${all[0].name}: ${parts.answer.inShort(all[0])}` : t("answeredOf", { done, count });
}

function progress() {
  const bar = byId("progress");
  bar.hidden = !sending;
  const going = images.filter(({ state }) => state === "sending");
  const share = going.reduce((sum, { sent }) => sum + sent, 0) / going.length;
  if (share < 1) bar.value = share; else bar.removeAttribute("value");
}

// What people do

const on = (id, event, listen) => byId(id).addEventListener(event, listen);
const isLink = (text) => /^https?:\/\/\S+$/i.test(text) && URL.canParse(text);

on("ways", "submit", (event) => {
  event.preventDefault();
  const link = byId("link").value.trim();
  if (!isLink(link)) return complain("badLink");
  byId("link").value = "";
  return add([], link);
});
for (const id of ["files", "camera"]) {
  on(id, "change", ({ target }) => {
    add(target.files);
    target.value = "";
  });
}
addEventListener("paste", ({ clipboardData, target }) => {
  const text = clipboardData.getData("text").trim();
  if (clipboardData.files.length || !target.matches?.("input")) add(clipboardData.files, isLink(text) && text);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const { files } = event.dataTransfer;
  const link = event.dataTransfer.getData("text/uri-list");
  add(files, !files.length && isLink(link) && link);
});
on("send", "click", () => ask(waiting()));
on("cancel", "click", () => sending?.abort());
on("clear", "click", clear);
on("forget", "click", () => keep(""));
on("key-form", "submit", async (event) => {
  event.preventDefault();
  const key = byId("key").value.trim();
  byId("key-form").hidden = true;
  await asked; // without the key; what comes back would take it away again
  keep(key);
  ask(images.filter(({ problem }) => problem?.code === "unauthorized"));
});
addEventListener("popstate", draw);
on("language", "change", async ({ target }) => {
  await speak(target.value);
  localStorage.setItem("language", language);
  draw();
});

document.querySelector(".late").remove();
byId("ways").noValidate = true;
byId("forget").hidden = !client.key;
refill(byId("language"), Object.entries(LANGUAGES).map(([code, name]) => make("option", { value: code, lang: code }, name)));
byId("language").hidden = false;
history.replaceState(null, "");
await speak(preferred());
byId("language").value = language;
draw();
// Also wakes the service, so that the first answer need not wait for it. The page works without the facts.
facts = await client.model().catch(() => null);
for (const { label, name } of facts?.classes ?? []) names[label] = name;
if (facts) byId("version").textContent = `${facts.name} ${facts.version}`;
draw();
