/** Page files: a module that tools/build/page-module.mjs writes into dist/. */

/** The text of every file of the page, by the path it is served under. */
export const PAGE_FILES: Readonly<Record<string, string>>;
