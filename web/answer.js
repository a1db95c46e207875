// One image's answer, or why there is none.

import { download, make, refill } from "./dom.js";
import { hottest } from "./heat.js";
import { known, language, number, percent, t } from "./language.js";
import { explanation } from "./viewer.js";

/** A result in a few words. */
export function inShort({ state, answer, problem }) {
  if (state === "answered") {
    const { label, probability, certain } = answer.prediction;
    return `${t(label)} ${percent(probability, 0)}, ${t(certain ? "certain" : "uncertain")}`;
  }
  return t(problem?.code === "unauthorized" ? problem.code : state);
}

/** Context: the model's facts, and what the buttons do. */
export function draw(root, image, context) {
  const { state, name, notes } = image;
  root.className = state;
  const body = { answered, refused, failed, cancelled: failed }[state] ?? (() => [make("h2", {}, name), make("p", {}, inShort(image))]);
  refill(root, body(image, context), notes.map((note) => make("p", { class: "note" }, t(...note))));
}

function answered(image, { facts, choose, png }) {
  const { answer, chosen, name } = image;
  const { prediction: { label, probability, certain }, gate, warnings, model } = answer;
  const line = facts?.threshold?.value;
  const button = (text, click) => make("button", { click }, t(text));
  return [
    make("p", { class: "small printed" }, `${name} · ${new Date().toLocaleString(language)}`),
    make("h2", {}, t(label), make("span", { class: "share" }, percent(probability))),
    make("p", {}, make("strong", { class: `tag ${certain ? "good" : "doubt"}` }, t(certain ? "certain" : "uncertain")),
      " ", !certain && line && t("abstain", { line: percent(line, 0) })),
    make("h3", { id: "classes" }, t("classes")),
    make("ul", { class: "bars", "aria-labelledby": "classes", style: line && { "--line": line } },
      Object.entries(answer.probabilities).map(([each, share]) => make("li", {},
        make("button", { "aria-pressed": String(each === chosen), "data-focus": each, click: () => choose(each) },
          make("span", {}, t(each)), make("span", { class: "share" }, percent(share)),
          make("span", { class: "bar" }, make("span", { style: { "--share": share } }))))),
      line && make("li", { class: "line small" }, make("span", {}, t("line", { line: percent(line, 0) })))),
    heat(explanation(image)),
    gate.chest_xray && gate.score !== null && make("p", { class: "small" }, t("gate", { percent: percent(gate.score) })),
    warnings.length > 0 && make("section", { class: "card warn" }, make("h3", {}, t("warnings")),
      make("ul", { lang: "en" }, warnings.map((text) => make("li", {}, text.replace(/^\w+: /, ""))))),
    make("div", { class: "row" }, button("report", () => print()), button("PNG", png),
      button("JSON", () => download(new Blob([JSON.stringify(answer, null, 2)]), `${name}.json`))),
    make("details", { class: "small" },
      make("summary", {}, t("details", { version: model.version, service: number(answer.timing_ms.total, 1), all: number(image.all) })),
      make("pre", { lang: "en", tabindex: 0 }, ["model", "timing_ms", "input", "request_id"].map((key) => `${key}: ${JSON.stringify(answer[key], null, 2)}\n`))),
  ];
}

function heat({ heatmap, lung_share: share, label }) {
  const ninth = hottest(heatmap);
  const values = { label: t(label), place: t("places").split(",")[ninth] };
  const lungs = share === null ? t("lungsUnknown") : t("lungs", { percent: percent(share, 0) });
  return make("p", {}, ninth === null ? t("noHeat", values) : `${t("heatAt", values)} ${lungs}`);
}

function refused({ problem: { reasons, detail } }, { again }) {
  return [
    make("h2", {}, t("refused")),
    make("ul", {}, reasons.map((reason) => make("li", {}, t(reason).replaceAll("_", " ")))),
    said(detail),
    make("button", { click: () => again({ force: true }) }, t("anyway")),
  ];
}

function failed({ problem }, { again }) {
  return [
    make("h2", {}, t(problem ? "failed" : "cancelled")),
    problem && make("p", {}, t(known(problem.code) ? problem.code : "unexpected")),
    problem && said(problem.detail, problem.request_id),
    make("button", { click: () => again() }, t("again")),
  ];
}

const said = (detail, id) => detail && make("p", { class: "small" }, t("said"), make("span", { lang: "en" }, ` ${detail} ${id ?? ""}`));
