/**
 * Palette: a colour for each size class. Small to large classes run through Paul Tol's discrete rainbow
 * of 14, made to stay in order and apart for all common kinds of colour blindness; runs and huge
 * mappings are greys of the theme.
 */
const RAINBOW = [
  '#d1bbd7',
  '#ae76a3',
  '#882e72',
  '#1965b0',
  '#5289c7',
  '#7bafde',
  '#4eb265',
  '#90c987',
  '#cae0ab',
  '#f7f056',
  '#f6c141',
  '#f1932d',
  '#e8601c',
  '#dc050c',
];

/** Value of a variable of theme.css in the present theme. */
export function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** By index of the class: C0..C7, M0..M5, run, huge. As CSS: follows the theme by itself. */
export function classColor(index: number): string {
  return RAINBOW[index] ?? (index === RAINBOW.length ? 'var(--run)' : 'var(--huge)');
}

/** The same for a canvas, which does not know variables. */
export function paintColor(index: number): string {
  return RAINBOW[index] ?? themeColor(index === RAINBOW.length ? 'run' : 'huge');
}

/** Calls back when the system changes between light and dark. */
export function onThemeChange(callback: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', callback);
}
