// Elements and texts. Whatever comes from a document becomes a text node, never HTML.

/** An element with properties (`class`, `data-…` and `aria-…` as attributes) and children. */
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && !key.includes("-")) made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== ""));
  return made;
}

/** Places of the server count characters, those of JavaScript UTF-16 units: from one to the other. */
export class Offsets {
  constructor(text) {
    this._wide = [];
    if (!/[\ud800-\udbff]/.test(text)) return;
    let place = 0;
    for (const character of text) {
      if (character.length > 1) this._wide.push(place);
      place += 1;
    }
  }

  of(place) {
    let low = 0;
    let high = this._wide.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._wide[middle] < place) low = middle + 1;
      else high = middle;
    }
    return place + low;
  }
}

/** The server's spans of a text as `{start, end, kind}` in JavaScript's units. */
export function spansOf(text, given, kind) {
  const offsets = new Offsets(text);
  return (given ?? []).map(([start, end]) => ({ start: offsets.of(start), end: offsets.of(end), kind }));
}

/** Spans in order, none over another: of two the first given stays. */
export function apart(...lists) {
  const kept = [];
  for (const span of lists.flat()) {
    if (!kept.some((each) => span.start < each.end && each.start < span.end)) kept.push(span);
  }
  return kept.sort((one, other) => one.start - other.start);
}

/** A text with its spans as elements: words of the query are marked, what is near underlined. */
export function marked(text, spans) {
  const parts = document.createDocumentFragment();
  let place = 0;
  for (const { start, end, kind } of spans) {
    if (start > place) parts.append(text.slice(place, start));
    const inside = text.slice(start, end);
    parts.append(kind === "word" ? el("mark", {}, inside) : el("span", { class: "near" }, inside));
    place = end;
  }
  parts.append(text.slice(place));
  return parts;
}

const WORD = /[\p{L}\p{N}\p{M}]+/gu;

/** The words that the server marked in snippets, as they are written there. */
export function formsOf(results) {
  const forms = new Set();
  for (const { snippet, marks } of results) {
    for (const span of spansOf(snippet ?? "", marks, "word")) {
      forms.add(snippet.slice(span.start, span.end).toLowerCase());
    }
  }
  return forms;
}

/** Where a text has one of these words. */
export function wordsIn(text, forms) {
  const found = [];
  if (forms.size === 0) return found;
  for (const match of text.matchAll(WORD)) {
    if (forms.has(match[0].toLowerCase())) {
      found.push({ start: match.index, end: match.index + match[0].length, kind: "word" });
    }
  }
  return found;
}

/** A short stretch of a passage on one line, around the first of these words. */
export function clip(text, forms, width) {
  const plain = text.replace(/\s+/g, " ").trim();
  if (plain.length <= width) return plain;
  const first = wordsIn(plain, forms)[0]?.start ?? 0;
  let start = first < width / 2 ? 0 : first - Math.floor(width / 3);
  if (start > 0) start = plain.indexOf(" ", start) + 1 || start;
  let end = Math.min(plain.length, start + width);
  if (end < plain.length) end = Math.max(plain.lastIndexOf(" ", end), start + width / 2);
  const cut = plain.slice(start, end).toWellFormed?.() ?? plain.slice(start, end);
  return (start > 0 ? "…" : "") + cut.trim() + (end < plain.length ? "…" : "");
}

const NUMBERS = new Intl.NumberFormat("en");

/** "1 document", "1,200 documents". */
export function count(number, one, several = `${one}s`) {
  return `${NUMBERS.format(number)} ${number === 1 ? one : several}`;
}

/** What a document is called, and what is said of where it lies. */
export function nameOf(source, metadata = {}) {
  const file = metadata.file_name || source.split(/[\\/]/).pop() || source;
  const title = typeof metadata.title === "string" ? metadata.title.trim() : "";
  const folder = source.endsWith(file) ? source.slice(0, -file.length).replace(/[\\/]$/, "") : source;
  return { title: title || file, file: title && title !== file ? file : "", folder: folder === file ? "" : folder };
}

/** The last two folders of a path; the whole of it is its title. */
export function shortPath(path) {
  const parts = path.split(/[\\/]/).filter(Boolean);
  return parts.length > 2 ? `…/${parts.slice(-2).join("/")}` : path;
}

/** "Page 3 · Article II › Section 1", or the lines where a text has neither. */
export function placeOf(passage, title = "") {
  const said = [];
  if (passage.page) {
    const last = passage.last_page;
    said.push(last && last !== passage.page ? `Pages ${passage.page}–${last}` : `Page ${passage.page}`);
  }
  const heading = (passage.heading ?? []).filter((each, n) => n > 0 || each !== title);
  if (heading.length) said.push(heading.slice(-2).join(" › "));
  if (!said.length && passage.lines) {
    const [first, last] = passage.lines;
    said.push(first === last ? `Line ${first}` : `Lines ${first}–${last}`);
  }
  return said.join(" · ");
}
