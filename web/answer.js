// One image's answer, or why there is none.

import { download, make, refill } from "./dom.js";
import { hottest } from "./heat.js";
import { language, number, percent, t, words } from "./language.js";
import { asPng, explanation } from "./viewer.js";

/** Why there is no answer, in sentences. */
const why = ({ code, reasons }) => (reasons.length ? reasons : [code in words ? code : "unexpected"]).map((each) => t(each).replaceAll("_", " "));

/** A result in a few words. */
export function inShort({ state, answer, problem }) {
  if (state === "answered") {
    const { label, probability, certain } = answer.prediction;
    return `${t(label)} ${percent(probability, 0)}, ${t(certain ? "certain" : "uncertain")}`;
  }
  return problem ? why(problem).join(" ") : t(state);
}

/** Context: the model's facts, and what the buttons do. */
export function draw(root, image, context) {
  const { state, notes } = image;
  root.className = state;
  const body = { answered, refused: unanswered, failed: unanswered, cancelled: unanswered }[state] ?? unasked;
  refill(root, body(image, context), notes.map((note) => make("p", { className: "small" }, t(...note))));
}

function answered(image, { facts, choose }) {
  const { answer, chosen, name } = image;
  const { prediction: { label, probability, certain }, probabilities, gate, warnings, ...rest } = answer;
  const line = facts?.threshold?.value;
  const button = (text, onclick) => make("button", { onclick }, t(text));
  return [
    make("p", { className: "small printed" }, `${name} · ${new Date().toLocaleString(language)}`),
    make("h2", {}, t(label), make("span", {}, percent(probability))),
    make("p", {}, make("strong", { className: `tag ${certain ? "good" : "doubt"}` }, t(certain ? "certain" : "uncertain")),
      " ", !certain && line && t("abstain", { line: percent(line, 0) })),
    make("h3", {}, t("classes")),
    make("ul", { className: "bars", ariaLabel: t("classes"), style: `--line: ${line}` },
      Object.entries(probabilities).map(([each, share]) => make("li", {},
        make("button", { ariaPressed: each === chosen, name: each, onclick: () => choose(each) },
          make("span", {}, t(each)), make("span", {}, percent(share)), make("span", { className: "bar", style: `--share: ${share}` })))),
      line && make("li", { className: "line small" }, make("span", {}, t("line", { line: percent(line, 0) })))),
    heat(explanation(image)),
    gate.chest_xray && gate.score !== null && make("p", { className: "small" }, t("gate", { percent: percent(gate.score) })),
    warnings.length > 0 && make("section", { className: "card warn" }, make("h3", {}, t("warnings")),
      make("ul", { lang: "en" }, warnings.map((text) => make("li", {}, text.replace(/^\w+: /, ""))))),
    make("div", { className: "row" }, button("report", () => print()), button("PNG", () => asPng(image)),
      button("JSON", () => download(new Blob([JSON.stringify(answer, null, 2)]), `${name}.json`))),
    make("details", { className: "small" },
      make("summary", {}, t("details", { version: rest.model.version, service: number(rest.timing_ms.total, 1), all: number(image.all) })),
      make("pre", { lang: "en", tabIndex: 0 }, JSON.stringify({ ...rest, explanations: undefined }, null, 2))),
  ];
}

function heat({ heatmap, lung_share: share, label }) {
  const ninth = hottest(heatmap);
  const values = { label: t(label), place: t("places").split(",")[ninth] };
  const lungs = share === null ? t("lungsUnknown") : t("lungs", { percent: percent(share, 0) });
  return make("p", {}, ninth === null ? t("noHeat", values) : `${t("heatAt", values)} ${lungs}`);
}

function unanswered({ state, problem }, { again }) {
  const force = state === "refused";
  return [
    make("h2", {}, t(state)),
    ...problem ? why(problem).map((text) => make("p", {}, text)) : [],
    problem?.detail && make("p", { className: "small" }, t("said"), make("span", { lang: "en" }, ` ${problem.detail} ${problem.request_id}`)),
    make("button", { onclick: () => again(force && { force }) }, t(force ? "anyway" : "again")),
  ];
}

const unasked = (image) => [make("h2", {}, image.name), make("p", {}, inShort(image))];
