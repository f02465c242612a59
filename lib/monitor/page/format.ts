/** Format: numbers as people read them. Pure. */

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** 3 significant digits: 1.23, 12.3, 123. */
function short(value: number): string {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits);
}

/** 1536 -> '1.50 KB'; whole bytes below 1 KB. Units of 1024. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = Math.abs(value);
  while (rest >= 1023.5 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit++;
  }
  const sign = value < 0 ? '-' : '';
  return `${sign}${unit === 0 ? String(Math.round(rest)) : short(rest)} ${UNITS[unit]!}`;
}

/** 1234567 -> '1.23 M'; whole numbers below 10,000. */
export function count(value: number): string {
  const size = Math.abs(value);
  if (size < 10_000) return Math.round(value).toLocaleString('en-US');
  const sign = value < 0 ? '-' : '';
  if (size < 999_500) return `${sign}${short(size / 1e3)} k`;
  if (size < 999_500_000) return `${sign}${short(size / 1e6)} M`;
  return `${sign}${short(size / 1e9)} G`;
}

/** 0.9987 -> '99.87 %'; '100 %' only when it is. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '-';
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  const text = value.toFixed(value > 99 || value < 1 ? 2 : 1);
  return value < 100 && Number(text) === 100 ? '>99.99 %' : `${text} %`;
}

/** 93784 -> '1 d 2 h'. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** All digits, in groups: what a short number stands for. */
export function exact(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
