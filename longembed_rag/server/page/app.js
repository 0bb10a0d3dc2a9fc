// The page: what is typed and chosen becomes a state, the state is asked of the server and shown.

import { ask, keepKey, onKeyWanted } from "./api.js";
import { hideFacets, layOut, showFacets } from "./facets.js";
import { showDocuments, showNearest, showResults } from "./results.js";
import { conditions, format, hasFilters, parse, sameList } from "./state.js";
import { count, el } from "./text.js";
import { choose, takeFiles } from "./upload.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const TYPING = 140; // milliseconds of silence after which a search begins
const SETTLED = 2000; // after which the next query is another entry of the history
const STEP = 10; // documents at first, and with each "more"
const MOST = 100;

let state = parse(location.hash);
let limit = STEP;
let request = new AbortController();
let timer = 0;
let changed = 0;
let kept = 0; // where the list was scrolled to before a document was opened
let opener = null; // the link that opened it, by its address

const view = new View({ onClose: closeView, onStep: (at) => replace({ at }), onTrouble: showTrouble });

function replace(changes) {
  state = { ...state, ...changes };
  history.replaceState(history.state, "", format(state));
}

function push(changes) {
  state = { ...state, ...changes };
  history.pushState({ ours: true }, "", format(state));
}

/** Show what the address says, and as little as possible anew. */
function follow() {
  // An entry without a state was made by a link of this page: "back" leads to the list.
  if (history.state === null) history.replaceState({ ours: true }, "");
  const before = state;
  state = parse(location.hash);
  if ($("query").value.trim() !== state.q) $("query").value = state.q;
  if (!sameList(before, state)) {
    limit = STEP;
    search();
  }
  showPlace();
}

function showPlace() {
  if (state.doc) {
    if (!view.isOpen) kept = scrollY;
    opener = document.activeElement?.getAttribute("href") ?? opener;
    $("browse").hidden = true;
    $("skip").textContent = "Skip to the document";
    view.open(state);
  } else if (view.isOpen) {
    view.close();
    $("browse").hidden = false;
    $("skip").textContent = "Skip to the results";
    scrollTo(0, kept);
    const link = [...$("results").querySelectorAll("a")].find((each) => each.getAttribute("href") === opener);
    (link ?? $("query")).focus({ preventScroll: true });
  }
  document.title = [state.q, "longembed-rag"].filter(Boolean).join(" – ");
}

function closeView() {
  if (history.state?.ours) history.back();
  else {
    push({ doc: "", at: null });
    showPlace();
  }
}

/** What is typed: shown as one pauses, and an entry of the history once it has been looked at. */
function typed({ now = false } = {}) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const q = $("query").value.trim();
    if (q === state.q && !state.doc) return;
    const isAnother = Date.now() - changed > SETTLED || state.doc;
    changed = Date.now();
    limit = STEP;
    (isAnother ? push : replace)({ q, doc: "", at: null });
    search();
    showPlace();
    $("query").focus();
  }, now ? 0 : TYPING);
}

function narrow(changes) {
  limit = STEP;
  push(changes);
  search();
}

/** Ask for what the state says; whatever was asked before is dropped. */
async function search() {
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const slow = setTimeout(() => ($("working").hidden = false), 300);
  $("results").setAttribute("aria-busy", "true");
  const asked = state;
  $("brand").href = format({ ...parse(""), where: asked.where });
  try {
    const counted = showFacets(asked, { signal, onChange: narrow });
    await (asked.q ? showAnswer(asked, counted, signal) : showAll(asked, counted, signal));
    $("trouble").replaceChildren();
  } catch (error) {
    if (error.name === "AbortError") return;
    showList(null);
    if (error.code === "collection_not_found") return showNothingYet();
    showTrouble(error, $("trouble"), search);
    if (error.code === "model_not_ready") setTimeout(() => signal.aborted || search(), 1000 * (error.retryAfter || 2));
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) {
      $("working").hidden = true;
      $("results").removeAttribute("aria-busy");
    }
  }
}

async function showAnswer(asked, counted, signal) {
  counted.catch(() => {}); // told once the search itself has answered
  const body = { query: asked.q, limit, passages: 3, filter: conditions(asked) };
  if (!body.filter.length) delete body.filter;
  const answer = await ask("v1/search", { body, signal });
  const shown = showResults(answer, asked);
  showList(answer.results.length);
  const all = await counted;
  if (signal.aborted) return;
  tellFound(answer, all);
  showUnderstood(answer.understood);
  $("more").hidden = answer.results.length < limit || limit >= MOST;
  $("legend").hidden = !answer.results.length;
  if (!all && !hasFilters(asked)) return showNothingYet();
  if (!answer.results.length) showNothingFound(asked, answer);
  showNearest(answer, shown, { signal }).catch(() => {}); // without it the answer is still there
}

async function showAll(asked, counted, signal) {
  const all = await counted;
  const page = await ask(listing(asked), { signal });
  if (signal.aborted) return;
  showUnderstood(null);
  showDocuments(page.documents, asked);
  showList(page.documents.length);
  $("legend").hidden = true;
  $("found").textContent = all ? `${count(all, "document")} to search` : "";
  nextPage(page, asked);
  if (!all && hasFilters(asked)) showNothingFound(asked, null);
  else if (!all) showNothingYet();
}

function nextPage(page, asked) {
  $("more").hidden = !page.next;
  $("more").onclick = async () => {
    const next = await ask(listing(asked, page.next), { signal: request.signal });
    showDocuments(next.documents, asked, { more: true });
    nextPage(next, asked);
  };
}

function listing(asked, after = null) {
  const query = new URLSearchParams([["limit", "50"], ...conditions(asked).map((each) => ["filter", each])]);
  if (after) query.set("after", after);
  return `v1/documents?${query}`;
}

function showList(number) {
  $("empty").replaceChildren();
  $("more").hidden = true;
  $("more").onclick = () => {
    limit = Math.min(MOST, limit + STEP);
    search();
  };
  if (number === null) {
    $("results").replaceChildren();
    $("found").textContent = "";
    $("legend").hidden = true;
    showUnderstood(null);
  }
}

/** What is in the collection, beside the name of the page. */
async function showCounts() {
  try {
    const info = await ask("v1/info");
    if (info.options.tenant_field) return; // they are everybody's, and nothing is told of others
    $("counts").textContent = count(info.documents, "document");
    $("counts").title = `${count(info.passages, "passage")}, ${count(info.tokens, "token")}, read with ${info.model}`;
  } catch {
    $("counts").textContent = ""; // The search itself tells what is wrong.
  }
}

function tellFound(answer, all) {
  const number = answer.results.length;
  const { phrases, must, must_not: none } = answer.understood;
  const isStrict = phrases.length + must.length + none.length > 0;
  let said = count(number, "document");
  if (!number) said = "Nothing found";
  else if (!isStrict && all > number) said = `The ${number} best of ${count(all, "document")}`;
  else if (number > 1) said += ", best first";
  $("found").textContent = said;
}

function showUnderstood(read) {
  const quoted = (list) => list.map((each) => `“${each}”`).join(", ");
  const held = read ? [...read.phrases, ...read.must] : [];
  const said = [held.length && `that hold ${quoted(held)}`, read?.must_not.length && `without ${quoted(read.must_not)}`];
  const text = said.filter(Boolean).join(", and ");
  $("understood").textContent = text ? `Only documents ${text}.` : "";
  $("understood").hidden = !text;
}

function showNothingFound(asked, answer) {
  const read = answer?.understood;
  const tips = [];
  if (read && read.phrases.length) tips.push("Take away the quotes: the words are then found in any order, and by meaning.");
  if (read && read.must.length) tips.push("Take away the + before a word, which wants this very word.");
  if (read && read.must_not.length) tips.push("Take away the word after the -.");
  if (hasFilters(asked)) tips.push("Search without the filters.");
  if (!tips.length) tips.push("Say it in other words, or with more of them.", "Add the documents that should be found.");
  const clear = hasFilters(asked) && el("button", { type: "button", class: "strong", onclick: clearFilters }, "Clear filters");
  $("empty").replaceChildren(el("div", { class: "note" }, el("h2", {}, "Nothing fits"), el("ul", {}, tips.map((each) => el("li", {}, each))), clear || null));
}

function showNothingYet() {
  hideFacets();
  showList(null);
  $("found").textContent = "No documents yet";
  const button = el("button", { type: "button", class: "strong", onclick: choose }, "Choose files");
  const said = "Drop files or folders anywhere on this page: PDF, Word, web pages, e-mail, text and more. They are read whole, and stay with this server.";
  $("empty").replaceChildren(el("div", { class: "note welcome" }, el("h2", {}, "Nothing to search yet"), el("p", {}, said), button));
}

function showTrouble(error, where, again) {
  const retry = el("button", { type: "button", class: "strong", onclick: () => (where.replaceChildren(), again()) }, error.status === 401 ? "Enter the key" : "Try again");
  where.replaceChildren(el("div", { class: "note bad", role: "alert" }, el("h2", {}, "That did not work"), el("p", {}, error.message), retry));
  if (error.status === undefined) console.error(error);
}

function clearFilters() {
  narrow({ types: [], folders: [], year: "" });
  $("query").focus();
}

function move(by) {
  const links = [...$("results").querySelectorAll("a.title")];
  const place = links.findIndex((each) => each.closest("li") === document.activeElement?.closest("li.result, li.document"));
  const next = place < 0 ? (by > 0 ? 0 : -1) : place + by;
  if (next < 0) return $("query").focus();
  const link = links[Math.min(next, links.length - 1)];
  link?.focus();
  link?.closest("li").scrollIntoView({ block: "nearest" });
}

function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const { target, key } = event;
  const inQuery = target === $("query");
  const isTyping = target.matches("input:not([type=checkbox]), textarea, select");
  const act = (work) => {
    event.preventDefault();
    work();
  };
  if (key === "Escape" && state.doc) act(closeView);
  else if (isTyping && !inQuery) return;
  else if (!state.doc && key === "ArrowDown" && !event.isComposing) act(() => move(1));
  else if (!state.doc && key === "ArrowUp" && !inQuery) act(() => move(-1));
  else if (inQuery) return;
  else if (key === "/") act(() => ($("query").focus(), $("query").select()));
  else if (key === "?") act(() => $("help-dialog").showModal());
  else if (state.doc && (key === "Home" || key === "End")) act(() => view.goToEdge(key === "End"));
  else if (state.doc && (key === "ArrowRight" || key === "n")) act(() => view.step(1));
  else if (state.doc && (key === "ArrowLeft" || key === "p")) act(() => view.step(-1));
}

/** Show the field for the key until one is given; whether one was. */
function wantKey(wasWrong) {
  const dialog = $("key-dialog");
  $("key-said").textContent = wasWrong
    ? "That key is not the right one."
    : "Whoever started it knows the key. It is kept until this tab is closed.";
  $("key").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  $("key").focus();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "given"), { once: true }));
}

const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
const tellTheme = () => $("theme").setAttribute("aria-pressed", String(isDark()));

function switchTheme() {
  const chosen = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  tellTheme();
  try {
    localStorage.setItem("longembed-theme", chosen);
  } catch {
    // Then it lasts as long as the page.
  }
}

function begin() {
  $("query").value = state.q;
  $("query").addEventListener("input", () => typed());
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    typed({ now: true });
  });
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keepKey($("key").value.trim());
    $("key-dialog").close("given");
  });
  $("brand").addEventListener("click", (event) => {
    event.preventDefault();
    location.hash = "";
    $("query").focus();
  });
  $("skip").addEventListener("click", (event) => {
    event.preventDefault();
    $("content").focus();
  });
  $("wipe").addEventListener("click", () => {
    $("query").value = "";
    $("query").focus();
    typed({ now: true });
  });
  $("theme").addEventListener("click", switchTheme);
  $("help").addEventListener("click", () => $("help-dialog").showModal());
  $("clear").addEventListener("click", clearFilters);
  system.addEventListener("change", tellTheme);
  addEventListener("popstate", follow);
  addEventListener("keydown", press);
  onKeyWanted(wantKey);
  history.scrollRestoration = "manual"; // The list and the document each know their own place.
  layOut();
  tellTheme();
  takeFiles(() => (search(), showCounts()));
  if (history.state === null) history.replaceState({ first: true }, "");
  search();
  showCounts();
  showPlace();
}

begin();
