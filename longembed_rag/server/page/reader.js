// A text of any length, drawn in pieces around the place that is read, more of it as one scrolls.

import { apart, el, marked, wordsIn } from "./text.js";

const PIECE = 8000; // characters, about
const AHEAD = "1200px"; // of the next piece, before it is scrolled into view

/**
 * A text with its pages and headings, and passages that can be gone to.
 *
 * All places are in JavaScript's units. Passages are `{start, end, inside}`, apart from one another
 * and in order; `inside` are the spans to mark within one, null while they are not known.
 */
export class Reader {
  constructor(text, { pages = [], headings = [] }) {
    this.text = text;
    this.pages = pages;
    this.headings = headings;
    this.passages = [];
    this.forms = new Set();
    this.starts = pieces(text);
    this.above = el("div", { class: "edge" });
    this.body = el("div", { class: "text" });
    this.below = el("div", { class: "edge" });
    this.element = el("div", { class: "reader" }, this.above, this.body, this.below);
    this.first = this.last = 0;
    this.watcher = new IntersectionObserver((seen) => this.grow(seen), { rootMargin: AHEAD });
  }

  /** Passages and words that are marked from now on; what is drawn already is drawn anew. */
  mark(passages, forms) {
    const before = this.passages;
    this.passages = passages;
    this.forms = forms;
    [...this.body.children].forEach((piece, n) => {
      const number = this.first + n;
      if (this.holds(number, before) || this.holds(number, passages)) piece.replaceWith(this.draw(number));
    });
  }

  /** Draw the piece of a place, and those beside it once they come near. */
  goTo(place) {
    const piece = this.pieceOf(place);
    if (this.body.childElementCount && piece >= this.first && piece <= this.last) return;
    this.first = this.last = piece;
    this.body.replaceChildren(this.draw(piece));
    this.watch();
  }

  close() {
    this.watcher.disconnect();
  }

  /** The element of a passage by its number, if it is drawn. */
  elementOf(number) {
    return this.body.querySelector(`[data-passage="${number}"]`);
  }

  holds(piece, passages) {
    const end = this.endOf(piece);
    return passages.some((each) => each.start < end && this.starts[piece] < each.end);
  }

  endOf(piece) {
    return this.starts[piece + 1] ?? this.text.length;
  }

  pieceOf(place) {
    let found = this.starts.findIndex((start) => start > place);
    if (found < 0) found = this.starts.length;
    return Math.max(0, found - 1);
  }

  // An observer tells only of changes: it is asked anew after each piece.
  watch() {
    this.watcher.disconnect();
    if (this.first > 0) this.watcher.observe(this.above);
    if (this.last < this.starts.length - 1) this.watcher.observe(this.below);
  }

  grow(seen) {
    const isNear = (edge) => seen.some((each) => each.target === edge && each.isIntersecting);
    const down = isNear(this.below) && this.last < this.starts.length - 1;
    const up = isNear(this.above) && this.first > 0;
    if (down) this.body.append(this.draw((this.last += 1)));
    if (up) {
      // What is read stays where it is while something is put above it. The first piece's end tells
      // how far: its first line may be another one now.
      const held = this.body.firstElementChild;
      const before = held.getBoundingClientRect().bottom;
      this.body.prepend(this.draw((this.first -= 1)));
      scrollBy(0, held.getBoundingClientRect().bottom - before);
    }
    if (down || up) this.watch();
  }

  draw(number) {
    const piece = el("span", { class: "piece" });
    const end = this.endOf(number);
    let place = this.starts[number];
    for (const stretch of this.stretches(place, end)) {
      this.plain(piece, place, stretch.start);
      piece.append(stretch.make());
      place = stretch.end;
    }
    this.plain(piece, place, end);
    return piece;
  }

  plain(into, start, end) {
    if (end > start) into.append(this.text.slice(start, end));
  }

  /** What is drawn in another way within a piece: passages with what is in them, pages, headings. */
  stretches(from, to) {
    const found = [];
    this.passages.forEach((passage, n) => {
      // A block ends its line by itself: the end of its last line is drawn within it.
      const isBlock = this.isBlock(passage) && this.text[passage.end] === "\n";
      const start = Math.max(passage.start, from);
      const end = Math.min(passage.end + (isBlock ? 1 : 0), to);
      if (start < end) found.push({ start, end, make: () => this.passage(passage, n, start, end) });
    });
    const outside = (span) => !found.some((each) => span.start < each.end && each.start < span.end);
    const signs = this.signs(from, to).filter(outside);
    return [...found, ...signs].sort((one, other) => one.start - other.start || one.end - other.end);
  }

  signs(from, to) {
    const within = (start) => start >= from && start < to;
    const pages = this.pages
      .map((start, n) => ({ start, end: start, make: () => pageSign(n + 1) }))
      .filter((each) => within(each.start));
    const headings = this.headings
      .map(([start, level]) => ({ start, end: this.lineEnd(start, to), level }))
      .filter((each) => within(each.start) && each.end > each.start)
      .map((each) => ({ ...each, make: () => heading(each, this.text) }));
    return [...pages, ...apart(headings)];
  }

  lineEnd(start, to) {
    const found = this.text.indexOf("\n", start);
    return Math.min(found < 0 ? this.text.length : found, to);
  }

  passage(passage, number, start, end) {
    const name = this.isBlock(passage) ? "passage block" : "passage";
    const made = el("span", { class: name, "data-passage": String(number), tabIndex: -1 });
    if (passage.current) made.classList.add("current");
    const signs = this.signs(start, end).filter((each) => each.start > start || each.end > each.start);
    let place = start;
    for (const sign of signs) {
      made.append(this.words(passage, place, sign.start), sign.make());
      place = sign.end;
    }
    made.append(this.words(passage, place, end));
    return made;
  }

  /** A part of a passage with the words of the query and those nearest to it. */
  words(passage, start, end) {
    const text = this.text.slice(start, end);
    const shift = passage.start - start;
    const known = passage.inside?.map((each) => ({ ...each, start: each.start + shift, end: each.end + shift }));
    const spans = known?.filter((each) => each.start >= 0 && each.end <= text.length);
    return marked(text, spans ?? wordsIn(text, this.forms));
  }

  /** Whether a passage is whole lines, and can be drawn as a block. */
  isBlock({ start, end }) {
    const isBreak = (place) => place < 0 || place >= this.text.length || this.text[place] === "\n";
    return isBreak(start - 1) && isBreak(end);
  }
}

/** Where pieces begin: after a line's end if there is one, and never within a character. */
function pieces(text) {
  const starts = [0];
  for (let place = PIECE; place < text.length; place += PIECE) {
    const line = text.lastIndexOf("\n", place);
    if (line > starts.at(-1)) place = line + 1;
    else if (/[\udc00-\udfff]/.test(text[place])) place += 1;
    starts.push(place);
  }
  return starts;
}

function pageSign(number) {
  return el("span", { class: "page-sign", role: "separator", "aria-label": `Page ${number}` }, el("span", { "aria-hidden": "true" }, `Page ${number}`));
}

function heading({ start, end, level }, text) {
  const name = `heading level-${Math.min(level, 4)}`;
  return el("span", { class: name, role: "heading", "aria-level": String(Math.min(level + 1, 6)) }, text.slice(start, end));
}
