// The few lines with which every part of the page makes elements.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Make an element: functions listen, `style` is an object, null, undefined and false are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "style") for (const each of Object.entries(value)) element.style.setProperty(...each);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child || child === 0));
  return element;
}

/** Replace what is inside; the focus stays with whoever has the same `data-focus` afterwards. */
export function refill(element, ...children) {
  const focused = element.contains(document.activeElement) && document.activeElement.dataset.focus;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (focused) element.querySelector(`[data-focus="${focused}"]`)?.focus();
}

/** Hand a blob to the user as a file. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
