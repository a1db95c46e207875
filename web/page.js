// The page: the images and their states.

import { ChestXray, Problem } from "./client.js";
import { byId, make, on, refill } from "./dom.js";
import { LANGUAGES, language, number, preferred, speak, t, words } from "./language.js";
import { MOST_BYTES, drawn, encoded, kindOf, readable } from "./pictures.js";

const THUMBNAIL = 160;
/** The longer side in pixels; as JPEG about a megabyte. */
const SHRUNK = 2048;

const images = [];
const client = new ChestXray({ key: sessionStorage.getItem("key") ?? "" });
let shown, facts, sending, asked, parts;
let given = 0, seeing = Promise.resolve();

// Nothing fails in silence.
addEventListener("error", ({ message }) => complain("broken", { message }));
addEventListener("unhandledrejection", ({ reason }) => complain("broken", { message: reason?.message ?? reason }));

function complain(key, values) {
  refill(byId("alert"), key && make("p", { className: "card bad" }, t(key, values)));
}

// Ways in

async function add(files, link) {
  performance.mark("added");
  complain();
  const added = [...files].map((blob) => ({ blob, name: blob.name || "image" }));
  if (link) added.push({ link, name: new URL(link).pathname.split("/").pop() || link });
  if (!added.length) return complain("noFile");
  if (history.state !== "work") history.pushState("work", "");
  for (const each of added) images.push(Object.assign(each, { id: given++, state: "waiting", notes: [], thumbnail: make("canvas"), ready: prepare(each) }));
  [shown] = added;
  // Needed once there is an image.
  parts ??= Object.fromEntries(await Promise.all(["viewer", "answer", "list", "heat"].map(async (each) => [each, await import(`./${each}.js`)])));
  if (byId("at-once").checked) {
    while (sending) await asked;
    return ask(added);
  }
  for (const each of added) {
    await each.ready;
    await each.seen;
    if (each === shown) draw();
    if (each === added[0]) byId("send").focus({ preventScroll: true });
  }
}

/** See what an image is; resolves when it can be sent, `image.seen` when its thumbnail is there. */
async function prepare(image) {
  const { blob, link } = image;
  if (link) return;
  const kind = await kindOf(blob).catch(() => "other");
  if (kind === "other") return;
  if (kind) image.picture = blob;
  const next = () => see(image, kind);
  image.seen = seeing = seeing.then(next, next); // one by one: memory
  if (!kind || blob.size > MOST_BYTES) await image.seen;
}

async function see(image, kind) {
  const { blob } = image;
  const bitmap = await createImageBitmap(blob).catch(() => null);
  image.picture = bitmap && blob;
  if (!bitmap) return;
  drawn(bitmap, THUMBNAIL, image.thumbnail);
  if (!kind) image.notes.push(["converted"]);
  if (!kind || blob.size > MOST_BYTES) await shrink(image, bitmap);
  // What is shown next is not decoded twice.
  if (image === shown && !image.shrunk) image.bitmap = bitmap; else bitmap.close();
}

async function shrink(image, bitmap) {
  const blob = await encoded(drawn(bitmap ?? await createImageBitmap(image.picture), SHRUNK), "image/jpeg");
  const [from, to] = [image.blob, blob].map(({ size }) => `${number(size / 2 ** 20, 1)} MB`);
  if (!image.notes.length) image.notes.push(["shrunk", { from, to }]);
  image.shrunk = image.blob = image.picture = blob;
}

// Asking

function ask(...what) {
  if (!sending) asked = askAll(...what);
}

async function askAll(all, options) {
  sending = new AbortController();
  const { signal } = sending;
  byId("key-form").hidden = true;
  for (const image of all) Object.assign(image, { state: "sending", problem: null, sent: 0 });
  draw();
  const queue = all.values();
  const work = async () => {
    for (const image of queue) {
      await image.ready;
      image.seen?.then(() => image === shown && draw());
      await one(image, signal, options);
      if (image === shown) draw(); else status();
    }
  };
  try {
    await Promise.all([work(), work()]); // two at a time
  } finally {
    sending = null;
    draw();
  }
  if (document.activeElement.matches("body, #send, #cancel")) byId("answer").focus({ preventScroll: true });
}

async function one(image, signal, options) {
  const started = performance.now();
  const onProgress = (share) => { image.sent = share; progress(); };
  try {
    if (image.blob && !await readable(image.blob)) throw new Problem({ code: "unreadable" });
    // The service's overlay is of use only where no browser shows the file.
    const answer = await client.predict(image.link ?? image.blob, { explain: "all", size: image.picture ? 128 : 1024, signal, onProgress, ...options });
    if (!image.picture) {
      const canvas = await parts.heat.behind(answer.explanations);
      image.picture = await encoded(canvas);
      drawn(canvas, THUMBNAIL, image.thumbnail);
      image.notes.push(["service"]);
    }
    Object.assign(image, { answer, state: "answered", chosen: answer.prediction.label, all: performance.now() - started });
  } catch (problem) {
    if (!signal.aborted) await image.seen;
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
  if (!byId("key-form").hidden) return; // what is being typed stays
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
}

const waiting = () => images.filter(({ state }) => /waiting|cancelled/.test(state));

// What is to be seen

function draw() {
  const here = history.state === "work" && images.length > 0;
  byId("work").hidden = !here;
  byId("ways").classList.toggle("slim", here);
  // It stays: a double click must not meet another button.
  byId("send").hidden = !sending && !waiting().length;
  byId("send").ariaDisabled = Boolean(sending);
  byId("cancel").hidden = !sending;
  byId("clear").hidden = Boolean(sending);
  progress();
  if (!here || !parts) return;
  status();
  refill(byId("strip"), images.length > 1 && images.map(thumbnail));
  // Marks are for the benchmark.
  parts.viewer.show(shown).then((seen) => seen && performance.mark(shown?.answer ? "heatmap" : "preview"));
  parts.answer.draw(byId("answer"), shown, {
    facts,
    again: (options) => ask([shown], options),
    choose(label) {
      shown.chosen = label;
      draw();
    },
  });
  parts.list.draw(byId("list"), images, select);
}

function thumbnail(image) {
  const { id, name, state } = image;
  return make("li", {},
    make("button", { className: `thumb ${state}`, ariaCurrent: image === shown ? "true" : null, name: id, onclick: () => select(image) },
      image.thumbnail, make("span", { className: "name" }, name), make("span", {}, parts.answer.inShort(image))),
    !sending && make("button", { className: "quiet remove", ariaLabel: t("remove", { name }), onclick: () => remove(image) }, "×"));
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

function status() {
  const [first, more] = images;
  const done = images.filter(({ answer }) => answer).length;
  byId("status").textContent = more ? t("answeredOf", { done, count: images.length }) : `${first.name}: ${parts.answer.inShort(first)}`;
}

function progress() {
  const bar = byId("progress");
  bar.hidden = !sending;
  const going = images.filter(({ state }) => state === "sending");
  const share = going.reduce((sum, { sent }) => sum + sent, 0) / going.length;
  if (share < 1) bar.value = share; else bar.removeAttribute("value");
}

// What people do

const isLink = (text) => /^https?:\/\/\S+$/i.test(text) && URL.canParse(text);

on("ways", "submit", (event) => {
  event.preventDefault();
  const link = byId("link").value.trim();
  if (!isLink(link)) return complain("badLink");
  byId("link").value = "";
  return add([], link);
});
on("ways", "change", ({ target }) => {
  if (!target.files) return;
  add(target.files);
  target.value = "";
});
const take = ({ files }, text) => add(files, !files.length && isLink(text) && text);
addEventListener("paste", ({ clipboardData, target }) => {
  if (clipboardData.files.length || !target.matches?.("input")) take(clipboardData, clipboardData.getData("text").trim());
});
const over = (is) => document.body.classList.toggle("over", is);
addEventListener("dragover", (event) => {
  event.preventDefault();
  over(true);
});
addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? over(false));
addEventListener("drop", (event) => {
  event.preventDefault();
  over(false);
  take(event.dataTransfer, event.dataTransfer.getData("text/uri-list"));
});
on("send", "click", () => ask(waiting()));
on("cancel", "click", () => sending?.abort());
on("clear", "click", () => {
  images.length = 0;
  byId("key-form").hidden = true;
  history.replaceState(null, "");
  draw();
  byId("files").focus();
});
on("forget", "click", () => keep(""));
on("key-form", "submit", async (event) => {
  event.preventDefault();
  const key = byId("key").value.trim();
  byId("key-form").hidden = true;
  await asked; // what comes back would take it away again
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
byId("forget").hidden = !client.key;
refill(byId("language"), Object.entries(LANGUAGES).map(([code, name]) => make("option", { value: code, lang: code }, name)));
byId("language").hidden = false;
history.replaceState(null, "");
await speak(preferred());
byId("language").value = language;
draw();
// Also wakes the service. The page works without the facts.
facts = await client.model().catch(() => null);
for (const { label, name } of facts?.classes ?? []) words[label] ??= name;
if (facts) byId("version").textContent = `${facts.name} ${facts.version}`;
draw();
