// Several images as a table, and as CSV.

import { inShort } from "./answer.js";
import { download, make, refill } from "./dom.js";
import { percent, t } from "./language.js";

const order = { key: null, down: false };

/** Columns: key, heading, and what an image has in it. */
function columns(images) {
  const labels = Object.keys(images.find(({ answer }) => answer)?.answer.probabilities ?? {});
  return [
    ["name", t("name"), ({ name }) => name],
    ["result", t("result"), (image) => (image.answer ? t(image.answer.prediction.label) : inShort(image))],
    ["probability", t("probability"), ({ answer }) => answer?.prediction.probability],
    ["certain", t("certain"), ({ answer }) => answer && Number(answer.prediction.certain)],
    ...labels.map((label) => [label, t(label), ({ answer }) => answer?.probabilities[label]]),
    ["lung_share", t("share"), ({ answer }) => answer?.explanations.find(({ label }) => label === answer.prediction.label).lung_share],
  ];
}

export function draw(root, images, select) {
  if (images.length < 2 || !images.some(({ answer, problem }) => answer || problem)) return refill(root);
  const all = columns(images);
  const by = all.find(([key]) => key === order.key)?.[2];
  const sorted = by ? images.toSorted((a, b) => (order.down ? -1 : 1) * compare(by(a), by(b))) : images;
  const sort = (key) => {
    Object.assign(order, { down: order.key === key && !order.down, key });
    draw(root, images, select);
  };
  const button = (name, onclick, text) => make("button", { name, onclick }, text);
  return refill(root,
    make("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: t("images") }, make("table", {},
      make("thead", {}, make("tr", {}, all.map(([key, heading]) => make("th", { scope: "col", ariaSort: key !== order.key ? null : order.down ? "descending" : "ascending" },
        button(key, () => sort(key), heading))))),
      make("tbody", {}, sorted.map((image) => make("tr", {}, all.map(([key, , value]) => (key === "name"
        ? make("th", { scope: "row" }, button(image.id, () => select(image), image.name))
        : make("td", {}, shown(key, value(image)))))))))),
    make("button", { onclick: () => download(new Blob(["\ufeff", csv(sorted, all)]), "chest-xrays.csv") }, "CSV"));
}

const compare = (a, b) => (typeof (a ?? b) === "string" ? a.localeCompare(b) : (a ?? -1) - (b ?? -1));
const shown = (key, value) => (typeof value !== "number" ? value ?? "–" : key === "certain" ? "–✓"[value] : percent(value));

/** RFC 4180, with the API's names; what a spreadsheet would take for a formula is text. */
function csv(images, all) {
  const cell = (value) => {
    const text = String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const fields = [
    ...all.map(([key, , value]) => [key, key === "result" ? ({ answer }) => answer?.prediction.label : value]),
    ["warnings", ({ answer }) => answer?.warnings.join(" ")],
    ["problem", ({ problem }) => problem?.code],
    ["model_version", ({ answer }) => answer?.model.version],
    ["sha256", ({ answer }) => answer?.input.sha256],
  ];
  const rows = [fields.map(([key]) => key), ...images.map((image) => fields.map(([, value]) => value(image)))];
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
