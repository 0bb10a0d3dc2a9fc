// What is looked at, as the address bar has it: so "back" works, and links can be kept.

const EMPTY = { q: "", where: [], types: [], folders: [], year: "", doc: "", at: null };

/** The state of an address's fragment. */
export function parse(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const at = /^(\d+)-(\d+)$/.exec(given.get("at") ?? "");
  return {
    ...EMPTY,
    q: given.get("q") ?? "",
    where: given.getAll("where"), // conditions for all that is asked, such as whose documents
    types: given.getAll("type").filter(canBeAsked),
    folders: given.getAll("folder").filter(canBeAsked),
    year: /^\d{4}$/.test(given.get("year") ?? "") ? given.get("year") : "",
    doc: given.get("doc") ?? "",
    at: at && [Number(at[1]), Number(at[2])],
  };
}

/** The fragment of a state. */
export function format(state) {
  const parts = new URLSearchParams();
  if (state.q) parts.set("q", state.q);
  for (const each of state.where) parts.append("where", each);
  for (const each of state.types) parts.append("type", each);
  for (const each of state.folders) parts.append("folder", each);
  if (state.year) parts.set("year", state.year);
  if (state.doc) parts.set("doc", state.doc);
  if (state.doc && state.at) parts.set("at", state.at.join("-"));
  return `#${parts}`;
}

/** The server's conditions for the filters of a state, but those of one group. */
export function conditions(state, { but = "" } = {}) {
  const found = [...state.where];
  if (but !== "types" && state.types.length) found.push(`file_type=${anyOf(state.types)}`);
  if (but !== "folders" && state.folders.length) found.push(`path=${anyOf(state.folders)}`);
  if (but !== "year" && state.year) {
    const next = String(Number(state.year) + 1).padStart(4, "0");
    found.push(`last_modified>=${state.year}-01-01`, `last_modified<${next}-01-01`);
  }
  return found;
}

/** Whether a value can be written in a condition: one of the two quotes has to be free. */
export const canBeAsked = (value) => !(value.includes('"') && value.includes("'"));

/** A condition's values, in quotes. */
export const anyOf = (values) =>
  values.map((each) => (each.includes('"') ? `'${each}'` : `"${each}"`)).join("|");

export const hasFilters = (state) => Boolean(state.types.length || state.folders.length || state.year);

/** Whether two states show the same list of documents. */
export const sameList = (one, other) =>
  format({ ...one, doc: "", at: null }) === format({ ...other, doc: "", at: null });
