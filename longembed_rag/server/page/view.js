// A document: opened at a passage, from which one steps through the others that were found in it.

import { ask } from "./api.js";
import { flowing } from "./flow.js";
import { Reader } from "./reader.js";
import { anyOf } from "./state.js";
import { Offsets, apart, clip, count, el, formsOf, nameOf, placeOf, spansOf } from "./text.js";

const MOST = 8; // passages to step through
const article = document.getElementById("view");

/** The view; one document at a time. */
export class View {
  constructor({ onClose, onStep, onTrouble }) {
    this.onClose = onClose;
    this.onStep = onStep;
    this.onTrouble = onTrouble;
    this.reader = null;
    this.id = "";
  }

  get isOpen() {
    return this.id !== "";
  }

  /** Show a document at a passage (`[start, end]` in the server's units), or at its beginning. */
  async open({ doc, at, q, where }) {
    if (this.id === doc && this.query === q && this.reader) return this.goTo(this.numberOf(at));
    this.close();
    this.id = doc;
    this.where = where;
    this.query = q;
    this.forms = new Set();
    this.request = new AbortController();
    const { signal } = this.request;
    article.hidden = false;
    article.setAttribute("aria-busy", "true");
    article.replaceChildren(el("p", { class: "note" }, "Opening …"));
    scrollTo(0, 0);
    try {
      const query = new URLSearchParams(where.map((each) => ["filter", each]));
      const stored = await ask(`v1/documents/${encodeURIComponent(doc)}${where.length ? `?${query}` : ""}`, { signal });
      this.show(stored, at);
      if (q) await this.find(stored, at, signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (this.reader) return; // It can be read; only what was found in it is not known.
      this.onTrouble(error, article, () => {
        this.id = "";
        this.open({ doc, at, q, where });
      });
    } finally {
      if (!signal.aborted) article.removeAttribute("aria-busy");
    }
  }

  close() {
    this.request?.abort();
    this.reader?.close();
    this.reader = null;
    this.id = "";
    article.hidden = true;
    article.replaceChildren();
  }

  /** Go so many passages on, or back. */
  step(by) {
    if (this.passages?.length) this.goTo((this.current + by + this.passages.length) % this.passages.length);
  }

  /** To the beginning of the text, or its end, which need not be drawn yet. */
  goToEdge(isEnd) {
    if (!this.reader) return;
    this.reader.goTo(isEnd ? this.reader.text.length : 0);
    scrollTo(0, isEnd ? document.documentElement.scrollHeight : 0);
  }

  show(stored, at) {
    const { layout } = stored;
    this.stored = stored;
    this.offsets = new Offsets(stored.text ?? "");
    const place = (each) => this.offsets.of(each);
    const headings = (layout?.headings ?? []).map(([start, level]) => [place(start), level]);
    const pages = (layout?.pages ?? []).map(place);
    const fixed = [...pages, ...headings.map(([start]) => start)];
    const text = flowing(stored.text ?? "", { type: stored.metadata.file_type, fixed });
    this.reader = new Reader(text, { pages, headings });
    this.name = nameOf(stored.source, stored.metadata);
    this.passages = at ? [this.passageAt(at)] : [];
    this.current = 0;
    this.build();
    this.reader.mark(this.drawn(), new Set());
    this.reader.goTo(this.passages[0]?.first ?? 0);
    this.arrive({ focus: true });
  }

  build() {
    const { stored, name } = this;
    const pages = stored.layout?.pages?.length;
    const said = [name.file, pages && count(pages, "page"), count(stored.tokens, "token")].filter(Boolean).join(" · ");
    this.said = el("span", { class: "steps-said", role: "status", "aria-live": "polite" });
    const step = (by, label, path) =>
      el("button", { type: "button", class: "icon", "aria-label": label, onclick: () => this.step(by) }, arrow(path));
    this.steps = el("div", { class: "steps", role: "group", "aria-label": "Passages that were found" },
      step(-1, "Previous passage", "M12.5 4.5 7 10l5.5 5.5"), this.said, step(1, "Next passage", "M7.5 4.5 13 10l-5.5 5.5"));
    const back = el("button", { type: "button", class: "plain", onclick: this.onClose }, arrow("M12.5 4.5 7 10l5.5 5.5"), el("span", {}, this.query ? "Results" : "Documents"));
    const title = el("h1", { id: "view-title", tabIndex: -1 }, name.title);
    const head = el("div", { class: "view-head" },
      el("div", { class: "view-bar" }, back, el("div", { class: "view-steps" }, this.steps, el("span", { class: "bar-title", "aria-hidden": "true" }, name.title))),
      el("div", { class: "view-name" }, title, el("p", { class: "where", title: stored.source }, said, el("span", { class: "full-path" }, stored.source))));
    this.list = el("ol", { class: "stops", role: "list" });
    const aside = el("nav", { class: "stops-side", "aria-label": "Found in this document" }, el("p", { class: "stops-title" }, "Found here"), this.list);
    const body = stored.text ? this.reader.element : el("p", { class: "note" }, "Nothing of this document's text is kept here.");
    article.replaceChildren(head, el("div", { class: "view-body" }, aside, body));
  }

  /** What else was found here; the document can be read meanwhile. */
  async find(stored, at, signal) {
    const itself = this.where.length ? [...this.where, `source=${anyOf([stored.source])}`] : { source: stored.source };
    const body = { query: this.query, filter: itself, limit: 1, passages: MOST };
    const answer = await ask("v1/search", { body, signal });
    const found = answer.results.find((each) => each.document_id === this.id);
    if (!found) return;
    const given = found.passages.map((each) => this.passageAt([each.start, each.end], each));
    const asked = at && !given.some((each) => each.start === at[0]) ? [this.passageAt(at)] : [];
    const known = apart(given, asked);
    const current = known.find((each) => (at ? each.start <= at[0] && at[0] < each.end : each === given[0]));
    this.passages = known;
    this.current = Math.max(0, known.indexOf(current));
    this.forms = formsOf([found]);
    const wasOpenedAt = Boolean(at);
    this.draw();
    if (!wasOpenedAt && known.length) this.goTo(this.current);
    // What is read now first: the model takes a second for all of them.
    const first = known[this.current];
    await this.showNearest(answer, [first].filter(Boolean), signal);
    await this.showNearest(answer, known.filter((each) => each !== first), signal);
  }

  async showNearest(answer, passages, signal) {
    if (!passages.length) return;
    const texts = passages.map((each) => this.textOf(each));
    const query = answer.understood.text || answer.query;
    const body = { query, passages: texts };
    if (this.stored.language) body.languages = [this.stored.language];
    const { highlights, marks } = await ask("v1/highlights", { body, signal });
    passages.forEach((each, n) => {
      each.inside = apart(spansOf(texts[n], marks[n], "word"), spansOf(texts[n], highlights[n], "near"));
    });
    this.draw();
  }

  /** A passage in both units: `start` and `end` the server's, `first` and `last` JavaScript's. */
  passageAt([start, end], known = null) {
    const found = known ?? this.stored.passages.find((each) => each.start === start) ?? {};
    return { start, end, first: this.offsets.of(start), last: this.offsets.of(end), place: placeOf(found, this.name.title), inside: null };
  }

  textOf(passage) {
    return this.stored.text.slice(passage.first, passage.last);
  }

  numberOf(at) {
    if (!at) return -1;
    return this.passages.findIndex((each) => each.start <= at[0] && at[0] < each.end);
  }

  goTo(number) {
    if (number < 0) return;
    this.current = number;
    const { start, end, first } = this.passages[number];
    this.reader.goTo(first);
    this.draw();
    this.arrive({ focus: !article.contains(document.activeElement) || !this.steps.contains(document.activeElement) });
    this.onStep([start, end]);
  }

  drawn() {
    return this.passages.map((each, n) => ({ start: each.first, end: each.last, inside: each.inside, current: n === this.current }));
  }

  draw() {
    const hadFocus = this.reader.element.contains(document.activeElement);
    const inList = [...this.list.querySelectorAll("button")].indexOf(document.activeElement);
    this.reader.mark(this.drawn(), this.forms);
    this.list.replaceChildren(...this.passages.map((each, n) => this.stop(each, n)));
    if (hadFocus) this.reader.elementOf(this.current)?.focus({ preventScroll: true });
    if (inList >= 0) this.list.querySelectorAll("button")[inList]?.focus({ preventScroll: true });
    this.tell();
  }

  stop(passage, number) {
    const isCurrent = number === this.current;
    const text = clip(this.textOf(passage), this.forms, 90);
    const button = el("button", { type: "button", onclick: () => this.goTo(number), "aria-current": isCurrent ? "true" : null },
      passage.place && el("span", { class: "place" }, passage.place), el("span", { class: "start" }, text));
    return el("li", {}, button);
  }

  tell() {
    const many = this.passages.length;
    article.classList.toggle("with-stops", many > 0);
    this.steps.hidden = many === 0;
    const place = this.passages[this.current]?.place;
    this.said.replaceChildren(el("span", { class: "unseen" }, "Passage "), `${this.current + 1} of ${many}`, el("span", { class: "unseen" }, place ? `, ${place}` : ""));
  }

  /** Bring the passage in hand to the eye, and whoever listens to it. */
  arrive({ focus }) {
    const found = this.passages.length ? this.reader.elementOf(this.current) : null;
    this.tell();
    if (!found) {
      if (focus) document.getElementById("view-title").focus({ preventScroll: true });
      return scrollTo(0, 0);
    }
    found.scrollIntoView({ block: "start" });
    if (focus) found.focus({ preventScroll: true });
    return undefined;
  }
}

function arrow(path) {
  const space = "http://www.w3.org/2000/svg";
  const drawn = document.createElementNS(space, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 20 20", width: "18", height: "18", "aria-hidden": "true" })) drawn.setAttribute(name, value);
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  drawn.append(line);
  return drawn;
}
