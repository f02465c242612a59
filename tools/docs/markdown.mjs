// Markdown: what the pages of this repository say, as data for the tests.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';

const parser = new MarkdownIt({ html: true });

/** Paths, relative to `root`, of every page that belongs to the repository. */
export function pagesOf(root) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'];
  const pages = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim().split('\n');
  return pages.sort();
}

/**
 * A page: its code blocks and links, each with its line; the anchors one can link to; and its tables,
 * each as rows of cells under the heading it stands under.
 */
export function readPage(root, path) {
  return parsePage(readFileSync(join(root, path), 'utf8'));
}

export function parsePage(text) {
  const page = { codes: [], links: [], anchors: new Set(), tables: [], text };
  const slugs = new Map();
  let heading = '';
  let row;
  const tokens = parser.parse(text, {});
  tokens.forEach((token, i) => {
    const line = (token.map?.[0] ?? 0) + 1;
    if (token.type === 'fence') {
      page.codes.push({ language: token.info.trim(), code: token.content, line: line + 1 });
    } else if (token.type === 'heading_open') {
      heading = textOf(tokens[i + 1]);
      page.anchors.add(uniqueSlug(heading, slugs));
    } else if (token.type === 'table_open') {
      page.tables.push({ heading, rows: [] });
    } else if (token.type === 'tr_open') {
      row = [];
      page.tables.at(-1).rows.push(row);
    } else if (token.type === 'th_open' || token.type === 'td_open') {
      row.push(tokens[i + 1].content);
    } else if (token.type === 'inline') {
      for (const href of linksIn(token.children)) page.links.push({ href, line });
    } else if (token.type === 'html_block') {
      for (const [, href] of token.content.matchAll(/\b(?:href|src)="([^"]+)"/g)) {
        page.links.push({ href, line });
      }
      for (const [, id] of token.content.matchAll(/\bid="([^"]+)"/g)) page.anchors.add(id);
    }
  });
  return page;
}

/** The table below a heading whose first column has this title. */
export function tableUnder(page, heading, firstColumn) {
  const found = page.tables.find(
    (table) => table.heading === heading && table.rows[0][0] === firstColumn,
  );
  if (!found) throw new Error(`no table "${firstColumn}" under "${heading}"`);
  return found.rows.slice(1);
}

function* linksIn(children) {
  for (const { type, attrs } of children) {
    const name = { link_open: 'href', image: 'src' }[type];
    if (name) yield attrs.find(([key]) => key === name)[1];
  }
}

function textOf({ children }) {
  return children.map(({ content }) => content).join('');
}

/** As GitHub makes anchors of headings. */
function uniqueSlug(heading, slugs) {
  const slug = heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
  const before = slugs.get(slug) ?? 0;
  slugs.set(slug, before + 1);
  return before === 0 ? slug : `${slug}-${before}`;
}
