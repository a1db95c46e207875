// What the page says, in one of several languages.

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" };
export let language;
/** Sentences by their keys; also names of classes that the files do not know. */
export const words = {};

/** The one chosen here before, or the first of the browser's that there is. */
export const preferred = () =>
  [localStorage.getItem("language") ?? "", ...navigator.languages].map((each) => each.slice(0, 2)).find((each) => each in LANGUAGES) ?? "en";

/** Change to a language; what is drawn changes when it is drawn again. */
export async function speak(code) {
  const text = await (await fetch(`/${code}.txt`)).text();
  for (const [, key, sentence] of text.matchAll(/(\w+): (.*)/g)) words[key] = sentence;
  language = code;
  document.documentElement.lang = code;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = t(each.dataset.text);
  // An optgroup has a label of its own.
  for (const each of document.querySelectorAll("[data-label]")) each.label = each.ariaLabel = t(each.dataset.label);
}

/** The sentence of this key with {names} filled in. */
export const t = (key, values = {}) => String(words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);

export const number = (value, digits = 0) => value.toLocaleString(language, { maximumFractionDigits: digits });
export const percent = (share, digits = 1) => share.toLocaleString(language, { style: "percent", minimumFractionDigits: digits });
