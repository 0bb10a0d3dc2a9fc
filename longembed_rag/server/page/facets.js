// Filters by type, folder and year, each with how many documents it would leave.

import { ask } from "./api.js";
import { canBeAsked, conditions, hasFilters } from "./state.js";
import { el, shortPath } from "./text.js";

const GROUPS = [
  { key: "types", title: "Type", said: (value) => value.toUpperCase() },
  { key: "folders", title: "Folder", said: shortPath },
  { key: "year", answer: "years", title: "Last changed", said: (value) => value },
];
const SHOWN = 8;

const rail = document.getElementById("rail");
const details = document.getElementById("facets");
const title = document.getElementById("facets-title");
const groups = document.getElementById("facet-groups");
const clear = document.getElementById("clear");
const wide = matchMedia("(min-width: 60rem)");

/** Have the filters beside the results where there is room, else folded up above them. */
export function layOut() {
  const fit = () => (details.open = wide.matches);
  wide.addEventListener("change", fit);
  fit();
}

/**
 * Count anew and show. A group is counted under the filters of the others, so that one can see what
 * a second value of it would add.
 */
export async function showFacets(state, { signal, onChange }) {
  const filtered = GROUPS.filter(({ key }) => (key === "year" ? state.year : state[key].length));
  const [all, ...others] = await Promise.all([
    ask(address(conditions(state)), { signal }),
    ...filtered.map(({ key }) => ask(address(conditions(state, { but: key })), { signal })),
  ]);
  const focused = document.activeElement?.id;
  const made = GROUPS.map((group) => {
    const place = filtered.indexOf(group);
    return fieldset(group, place < 0 ? all : others[place], state, onChange);
  });
  groups.replaceChildren(...made.filter(Boolean));
  if (focused?.startsWith("facet-")) document.getElementById(focused)?.focus();
  const chosen = state.types.length + state.folders.length + (state.year ? 1 : 0);
  title.textContent = chosen ? `Filters (${chosen})` : "Filters";
  clear.hidden = !hasFilters(state);
  rail.hidden = groups.childElementCount === 0;
  return all.documents;
}

/** Without a collection there is nothing to filter. */
export function hideFacets() {
  rail.hidden = true;
}

function address(filters) {
  const query = new URLSearchParams(filters.map((each) => ["filter", each]));
  return filters.length ? `v1/facets?${query}` : "v1/facets";
}

function fieldset(group, answer, state, onChange) {
  const chosen = group.key === "year" ? [state.year].filter(Boolean) : state[group.key];
  const counted = answer[group.answer ?? group.key];
  const values = [...new Set([...Object.keys(counted), ...chosen])];
  if (group.key === "year") values.sort().reverse();
  if (values.length < 2 && chosen.length === 0) return null;
  const rows = values.map((value) => choice(group, value, counted[value] ?? 0, chosen, onChange));
  const rest = rows.splice(Math.max(SHOWN, ...chosen.map((each) => values.indexOf(each) + 1)));
  const more = rest.length && el("details", { class: "rest" }, el("summary", {}, `${rest.length} more`), rest);
  return el("fieldset", {}, el("legend", {}, group.title), rows, more || null);
}

function choice(group, value, number, chosen, onChange) {
  const isChosen = chosen.includes(value);
  const box = el("input", {
    type: "checkbox",
    id: `facet-${group.key}-${value}`,
    checked: isChosen,
    disabled: !canBeAsked(value),
    onchange: () => {
      const others = group.key === "year" ? [] : chosen.filter((each) => each !== value);
      const next = box.checked ? [...others, value] : others;
      onChange({ [group.key]: group.key === "year" ? (next[0] ?? "") : next });
    },
  });
  const counted = el("span", { class: "count" }, String(number));
  const name = el("span", { class: "name", title: value }, group.said(value));
  return el("label", { class: "choice" }, box, name, counted);
}
