// What the page says, in the language of the browser or the one that was chosen: a file of sentences each.

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" };
export let language;
let words = {};
/** Names of classes, for those of which the files know none. */
export const names = {};

/** The one chosen here before, or the first of the browser's that there is. */
export function preferred() {
  const wished = [localStorage.getItem("language") ?? "", ...navigator.languages].map((each) => each.slice(0, 2));
  return wished.find((each) => each in LANGUAGES) ?? "en";
}

/** Change to a language: what the document has fixed changes here, the rest when it is drawn again. */
export async function speak(code) {
  const text = await (await fetch(`/${code}.txt`)).text();
  words = Object.fromEntries(text.trim().split("\n").map((line) => line.match(/(\w+): (.*)/).slice(1)));
  language = code;
  document.documentElement.lang = code;
  document.title = t("title");
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = t(each.dataset.text);
  for (const each of document.querySelectorAll("[data-label]")) each.ariaLabel = t(each.dataset.label);
}

/** The sentence of this key with {names} filled in. */
export const t = (key, values = {}) => (words[key] ?? names[key] ?? String(key)).replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Whether there is a sentence of this key. */
export const known = (key) => key in words;

export const number = (value, digits = 0) => new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
export const percent = (share, digits = 1) => new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);
export const size = (bytes) => (bytes < 2 ** 20 ? `${number(bytes / 1024)} KB` : `${number(bytes / 2 ** 20, 1)} MB`);
