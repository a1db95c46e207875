// What the page says, in the language of the browser or the one that was chosen.

import en from "./en.js";

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" };
export let language = "en";
let words = en;

/** The first language of the browser that there is, or the one chosen here before. */
export function preferred() {
  const wished = [remembered(), ...navigator.languages].map((each) => each?.slice(0, 2));
  return wished.find((each) => each in LANGUAGES) ?? "en";
}

/** Change to a language: what the document has fixed changes here, the rest when it is drawn again. */
export async function speak(code) {
  words = code === "en" ? en : { ...en, ...(await import(`./${code}.js`)).default };
  language = code;
  document.documentElement.lang = code;
  document.title = t("title");
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = t(each.dataset.text);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", t(each.dataset.label));
}

/** Keep the choice for the next visit, where the browser lets it. */
export function remember(code) {
  try { localStorage.setItem("language", code); } catch { /* storage is switched off */ }
}

function remembered() {
  try { return localStorage.getItem("language"); } catch { return null; }
}

/** The sentence of this key with {names} filled in. */
export const t = (key, values = {}) => (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Whether there is a sentence of this key. */
export const known = (key) => key in words;

export const number = (value, digits = 1) => new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
export const percent = (share, digits = 1) => new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);
export const size = (bytes) => (bytes < 2 ** 20 ? `${number(bytes / 1024, 0)} KB` : `${number(bytes / 2 ** 20)} MB`);
