// Several images as a table that can be sorted and taken away as CSV.

import { inShort, named } from "./answer.js";
import { download, make, refill } from "./dom.js";
import { percent, t } from "./language.js";

const order = { column: null, down: false };

/** Columns: key, heading, and what an image has in it. */
function columns(images, facts) {
  const labels = Object.keys(images.find(({ answer }) => answer)?.answer.probabilities ?? {});
  const share = ({ answer }) => answer?.explanations.find(({ label }) => label === answer.prediction.label)?.lung_share;
  return [
    ["name", t("name"), ({ name }) => name],
    ["result", t("result"), (image) => (image.answer ? named(image.answer.prediction.label, facts) : inShort(image))],
    ["probability", t("probability"), ({ answer }) => answer?.prediction.probability],
    ["certain", t("certain"), ({ answer }) => answer && (answer.prediction.certain ? 1 : 0)],
    ...labels.map((label) => [label, named(label, facts), ({ answer }) => answer?.probabilities[label]]),
    ["lung_share", t("share"), share],
  ];
}

export function draw(root, images, facts, select) {
  if (images.length < 2 || !images.some(({ answer, problem }) => answer || problem)) return refill(root);
  const all = columns(images, facts);
  const by = all.find(([key]) => key === order.column)?.[2];
  const sorted = by ? images.toSorted((a, b) => (order.down ? -1 : 1) * compare(by(a), by(b))) : images;
  const sort = (key) => {
    Object.assign(order, { down: order.column === key && !order.down, column: key });
    draw(root, images, facts, select);
  };
  return refill(root,
    make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": t("images") },
      make("table", {},
        make("thead", {}, make("tr", {}, all.map(([key, heading]) => make("th", { scope: "col", "aria-sort": key === order.column && (order.down ? "descending" : "ascending") },
          make("button", { "data-focus": `o${key}`, click: () => sort(key) }, heading))))),
        make("tbody", {}, sorted.map((image) => make("tr", {}, all.map(([key, , value]) => (key === "name"
          ? make("th", { scope: "row" }, make("button", { "data-focus": `i${image.id}`, click: () => select(image) }, image.name))
          : make("td", {}, shown(key, value(image)))))))))),
    make("button", { click: () => download(new Blob(["\ufeff", csv(sorted, all)], { type: "text/csv" }), "chest-xrays.csv") }, t("csv")));
}

const compare = (a, b) => (typeof a === "number" || typeof b === "number" ? (a ?? -1) - (b ?? -1) : String(a ?? "").localeCompare(String(b ?? "")));
const shown = (key, value) => (typeof value !== "number" ? value ?? "–" : key === "certain" ? (value ? "✓" : "–") : percent(value));

/** RFC 4180, with the names and numbers of the API. What a spreadsheet would take for a formula is text. */
function csv(images, all) {
  const cell = (value) => {
    const text = String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const more = [["warnings", ({ answer }) => answer?.warnings.join(" ")], ["problem", ({ problem }) => problem?.code], ["model_version", ({ answer }) => answer?.model.version], ["sha256", ({ answer }) => answer?.input.sha256]];
  const fields = [...all.map(([key, , value]) => [key, key === "result" ? ({ answer }) => answer?.prediction.label : value]), ...more];
  return [fields.map(([key]) => key), ...images.map((image) => fields.map(([, value]) => value(image)))].map((row) => row.map(cell).join(",") + "\r\n").join("");
}
