// One image's answer, or why there is none.

import { download, make, refill } from "./dom.js";
import { hottest } from "./heat.js";
import { known, language, number, percent, t } from "./language.js";
import { explanation } from "./viewer.js";

/** The class's name in the language of the page; of a class that it does not know, the service's. */
export const named = (label, facts) => (known(label) ? t(label) : facts?.classes?.find((each) => each.label === label)?.name ?? label);

/** A result in a few words. */
export function inShort({ state, answer, problem }) {
  if (state === "answered") {
    const { label, probability, certain } = answer.prediction;
    return `${named(label)} ${percent(probability, 0)}, ${t(certain ? "certain" : "uncertain")}`;
  }
  return t(state === "failed" && problem.code === "unauthorized" ? "unauthorized" : state);
}

export function draw(root, image, context) {
  const { state } = image;
  root.className = state;
  const notes = image.notes.map(([key, values]) => make("p", { class: "note" }, t(key, values)));
  const body = { answered, refused, failed, cancelled: failed }[state]?.(image, context)
    ?? [make("h2", {}, image.name), make("p", {}, t(state === "sending" ? "onItsWay" : "waiting"))];
  refill(root, body, notes);
}

function answered(image, { facts, choose, again, png }) {
  const { answer, chosen } = image;
  const { prediction, gate } = answer;
  const line = facts?.threshold?.value;
  return [
    make("p", { class: "small printed" }, `${image.name} · ${new Date().toLocaleString(language)}`),
    make("h2", {}, named(prediction.label, facts), " ", make("span", { class: "share" }, percent(prediction.probability))),
    make("p", {}, make("strong", { class: `tag ${prediction.certain ? "good" : "doubt"}` }, t(prediction.certain ? "certain" : "uncertain")),
      " ", !prediction.certain && line && t("abstain", { line: percent(line, 0) })),
    make("h3", { id: "classes" }, t("classes")),
    make("ul", { class: "bars", "aria-labelledby": "classes", style: line && { "--line": line } },
      Object.entries(answer.probabilities).map(([label, probability]) => make("li", {},
        make("button", { "aria-pressed": String(label === chosen), "data-focus": `c${label}`, click: () => choose(label) },
          make("span", {}, named(label, facts)), make("span", { class: "share" }, percent(probability)),
          make("span", { class: "bar" }, make("span", { style: { "--share": probability } }))))),
      line && make("li", { class: "line small" }, make("span", {}, t("line", { line: percent(line, 0) })))),
    heat(image, facts),
    gate.chest_xray && gate.score !== null && make("p", { class: "small" }, t("gate", { percent: percent(gate.score) })),
    answer.warnings.length > 0 && make("section", { class: "card warn" }, make("h3", {}, t("warnings")),
      make("ul", { lang: "en" }, answer.warnings.map((text) => make("li", {}, text)))),
    make("div", { class: "row" },
      make("button", { click: () => print() }, t("report")),
      make("button", { click: png }, t("png")),
      make("button", { click: () => download(new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }), `${image.name}.json`) }, t("json"))),
    make("details", { class: "small" },
      make("summary", {}, t("details", { version: answer.model.version, service: number(answer.timing_ms.total), all: number(image.all, 0) })),
      make("dl", { lang: "en" }, ["model", "timing_ms", "input"].flatMap((group) => Object.entries(answer[group]).flatMap(([name, value]) => [make("dt", {}, `${group}.${name}`), make("dd", {}, String(value))])),
        make("dt", {}, "request_id"), make("dd", {}, answer.request_id))),
  ];
}

function heat(image, facts) {
  const { heatmap, lung_share: share, label } = explanation(image);
  const place = hottest(heatmap);
  const values = { label: named(label, facts), place: place && t("places").split(",")[3 * place[0] + place[1]] };
  return make("p", {}, t(place ? "heatAt" : "noHeat", values), " ",
    place && (share === null ? make("span", { class: "small" }, t("lungsUnknown")) : t("lungs", { percent: percent(share, 0) })));
}

function refused(image, { again }) {
  const { reasons, detail } = image.problem;
  return [
    make("h2", {}, t("refused")),
    make("ul", {}, reasons.map((reason) => make("li", {}, known(reason) ? t(reason) : reason.replaceAll("_", " ")))),
    make("p", { class: "small" }, said(detail)),
    make("button", { click: () => again(image, { force: true }) }, t("anyway")),
  ];
}

function failed(image, { again }) {
  const { problem } = image;
  return [
    make("h2", {}, t(problem ? "failed" : "cancelled")),
    problem && make("p", {}, t(known(problem.code) ? problem.code : "unexpected")),
    problem?.detail && make("p", { class: "small" }, said(problem.detail)),
    problem?.request_id && make("p", { class: "small" }, problem.request_id),
    make("button", { click: () => again(image) }, t("again")),
  ];
}

const said = (detail) => [t("said", { detail: "" }), make("span", { lang: "en" }, detail)];
