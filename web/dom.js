// How elements are made.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Listen to the element with this id. */
export const on = (id, event, listener) => byId(id).addEventListener(event, listener);

/** Make an element; children that are false, null or undefined are left out. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.flat().filter(Boolean));
  return element;
}

/** Replace what is inside; the focus stays with who has the same name. */
export function refill(element, ...children) {
  const name = element.contains(document.activeElement) && document.activeElement.name;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (name) element.querySelector(`[name="${name}"]`)?.focus();
}

/** Hand a blob to the user as a file. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
