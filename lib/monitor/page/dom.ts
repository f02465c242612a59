/** Dom: small helpers over the document. Text goes in as text only, never as markup. */

/** The element with an id that index.html has. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

type Attributes = Readonly<Record<string, string>>;

function withAttributes<T extends Element>(
  element: T,
  attributes: Attributes,
  children: readonly (Node | string)[],
): T {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  return withAttributes(document.createElement(tag), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  return withAttributes(element, attributes, children);
}

/** Sets text only where it changes: what is selected or read aloud stays undisturbed. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A short number, with all its digits as a tooltip. */
export function setNumber(element: HTMLElement, text: string, exactText: string): void {
  setText(element, text);
  if (element.title !== exactText) element.title = exactText;
}

export function setData(element: HTMLElement, name: string, value: string): void {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** A square of a colour, as in legends. */
export function swatch(color: string): HTMLElement {
  const square = html('i', { class: 'swatch', 'aria-hidden': 'true' });
  square.style.background = color;
  return square;
}
