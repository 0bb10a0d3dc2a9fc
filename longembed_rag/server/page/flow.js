// Lines that were broken to fit a page flow on: what is narrow would break them a second time.

const SOME = 20; // lines; of fewer nothing is known
const [SHORTEST, LONGEST] = [45, 200]; // characters of lines that are taken for broken ones
const FULL = 0.85; // of the usual width; proportional type varies
const GOES_ON = /^[\p{L}\p{N}"'“‘«(`[]/u;

/**
 * The text with blanks for breaks within paragraphs, and everything at its place.
 *
 * A break is one of the page's where the next line's first word had no room before it, or is in the
 * middle of a sentence. `fixed` are
 * places before which a line begins, such as headings and pages.
 */
export function flowing(text, fixed) {
  const lines = text.split("\n");
  const width = usualWidth(lines);
  if (!width) return text;
  const starts = new Set(fixed);
  const parts = [];
  let place = 0;
  lines.forEach((line, n) => {
    const next = lines[n + 1];
    const end = place + line.length;
    const isSoft = next !== undefined && !starts.has(place) && !starts.has(end + 1) && wraps(line, next, width);
    parts.push(line, next === undefined ? "" : isSoft ? " " : "\n");
    place = end + 1;
  });
  return parts.join("");
}

function wraps(line, next, width) {
  if (line.length < SHORTEST || line.length > LONGEST || !GOES_ON.test(next)) return false;
  const word = /^\S*/.exec(next)[0].length;
  return line.length + 1 + word > FULL * width || /^\p{Ll}/u.test(next);
}

/** How long lines are that are full; 0 where they are not broken, or too few to tell. */
function usualWidth(lines) {
  const lengths = lines.map((each) => each.length).filter((each) => each >= SHORTEST);
  if (lengths.length < SOME) return 0;
  lengths.sort((one, other) => one - other);
  const width = lengths[Math.floor(0.9 * lengths.length)];
  return width <= LONGEST ? width : 0;
}
