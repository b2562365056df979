import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** A block of code in a page, with the comment before it that says what runs it, if the pages' own test does not. */
export interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** `run by <file>`, or `run by hand: <why>`. */
  readonly runBy: string | undefined;
}

/** A link of a page to another place in the repository: a file, and perhaps a heading in it. */
export interface Link {
  readonly page: string;
  readonly file: string;
  readonly anchor: string | undefined;
}

const BLOCK = /(?:<!-- (run by .+?) -->\n+)?^```(\w*)\n(.*?)^```$/gms;

/** The blocks of code in a Markdown file. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(page, 'utf8');
  return Array.from(text.matchAll(BLOCK), ({ 1: runBy, 2: language = '', 3: code = '', index }) => {
    return { page, line: text.slice(0, index).split('\n').length, language, code, runBy };
  });
}

/** The links of a Markdown file to what is in the repository. */
export function linksOf(page: string): Link[] {
  const links = withoutCode(page).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
  return Array.from(links, ([, path, anchor]) => {
    return { page, file: path ? normalize(join(dirname(page), path)) : page, anchor };
  });
}

/** The anchors that a Markdown file's headings have where it is shown: lower case, without punctuation, hyphens for blanks. */
export function anchorsOf(page: string): string[] {
  return Array.from(withoutCode(page).matchAll(/^#+ (.*)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(page: string): string {
  return readFileSync(page, 'utf8').replaceAll(BLOCK, '');
}
