// What was found: documents, their best passages, and what speaks for them.

import { ask } from "./api.js";
import { format } from "./state.js";
import { apart, clip, count, el, formsOf, marked, nameOf, placeOf, shortPath, spansOf, wordsIn } from "./text.js";

const list = document.getElementById("results");
const KINDS = {
  words: ["terms", "passage_terms"],
  pairs: ["pairs"],
  meaning: ["vector", "passage_vector"],
  tokens: ["passage_late"],
};
const MOST_PASSAGES = 3;
const CLIP = 180;
const MOST_TEXTS = 64; // of one request for highlights

/** Show the answer to a query. */
export function showResults(answer, state) {
  const forms = formsOf(answer.results);
  const best = Math.max(...answer.results.map((each) => sum(shares(each.parts))), 1e-9);
  const shown = [];
  list.className = "results";
  list.replaceChildren(...answer.results.map((result) => item(result, { state, forms, best, shown })));
  return shown;
}

/** Show documents as they lie there, while nothing is asked. */
export function showDocuments(documents, state, { more = false } = {}) {
  const items = documents.map((each) => {
    const name = nameOf(each.source);
    const said = [shortPath(name.folder), count(each.tokens, "token"), each.language].filter(Boolean);
    const link = el("a", { class: "title", href: format({ ...state, doc: each.document_id, at: null }) }, name.title);
    return el("li", { class: "document" }, el("h2", {}, link), el("p", { class: "where", title: each.source }, said.join(" · ")));
  });
  list.className = "results plainly";
  if (more) list.append(...items);
  else list.replaceChildren(...items);
}

/** Underline what is nearest in meaning, once the server has found it. */
export async function showNearest(answer, shown, { signal }) {
  const texts = shown.slice(0, MOST_TEXTS);
  if (!texts.length) return;
  const languages = [...new Set(answer.results.map((each) => each.language).filter(Boolean))];
  const query = answer.understood.text || answer.query;
  const body = { query, passages: texts.map((each) => each.text) };
  if (languages.length) body.languages = languages;
  const { highlights, marks } = await ask("v1/highlights", { body, signal });
  texts.forEach(({ text, words, into }, n) => {
    const [said, near] = [spansOf(text, marks[n], "word"), spansOf(text, highlights[n], "near")];
    into.replaceChildren(marked(text, apart(words, said, near)));
  });
}

function item(result, { state, forms, best, shown }) {
  const name = nameOf(result.source, result.metadata);
  const [first, ...others] = result.passages.slice(0, MOST_PASSAGES);
  const to = (passage) =>
    format({ ...state, doc: result.document_id, at: passage ? [passage.start, passage.end] : null });
  const made = el("li", { class: "result" });
  const title = el("a", { class: "title", href: to(first) }, name.title);
  const where = [name.file, shortPath(name.folder)].filter(Boolean).join(" · ");
  const place = first ? placeOf(first, name.title) : "";
  made.append(
    el("div", { class: "head" }, el("h2", {}, title), bar(result.parts, best)),
    el("p", { class: "where", title: result.source }, el("span", { class: "path" }, where), place && el("span", { class: "place" }, place)),
  );
  if (result.snippet) {
    const words = spansOf(result.snippet, result.marks, "word");
    const text = el("p", { class: "snippet" });
    made.append(row(text, result.snippet, words, to(first), shown));
  }
  const rows = others.map((passage) => {
    const short = clip(passage.text, forms, CLIP);
    const text = el("p", {});
    const filled = row(text, short, wordsIn(short, forms), to(passage), shown);
    return el("li", {}, el("a", { href: to(passage) }, placeOf(passage, name.title)), filled);
  });
  if (rows.length) made.append(el("ul", { class: "others", role: "list", "aria-label": "Further passages" }, rows));
  return made;
}

/** A text that opens its passage when it is clicked, unless something of it is being selected. */
function row(into, text, words, address, shown) {
  into.append(marked(text, words));
  into.addEventListener("click", () => {
    if (getSelection().isCollapsed) location.hash = address;
  });
  shown.push({ text, words, into });
  return into;
}

const sum = (values) => Object.values(values).reduce((one, other) => one + other, 0);

/** What each kind of evidence adds; what speaks against a document adds nothing. */
function shares(parts) {
  const added = ([kind, names]) => [kind, Math.max(0, sum(names.map((each) => parts[each] ?? 0)))];
  return Object.fromEntries(Object.entries(KINDS).map(added));
}

function bar(parts, best) {
  const found = shares(parts);
  const all = sum(found) || 1e-9;
  const some = Object.entries(found).filter(([, value]) => value / all >= 0.005);
  const said = some
    .sort(([, one], [, other]) => other - one)
    .map(([kind, value]) => `${kind} ${Math.round((100 * value) / all)} %`)
    .join(", ");
  const drawn = el("div", { class: "speaks", role: "img", "aria-label": `What speaks for it: ${said || "little"}`, title: said });
  for (const [kind, value] of Object.entries(found)) {
    if (value / all < 0.005) continue;
    const part = el("i", { class: kind });
    part.style.width = `${(100 * value) / best}%`;
    drawn.append(part);
  }
  return drawn;
}
