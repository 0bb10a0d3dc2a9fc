// Lines that were broken to fit a page flow on: what is narrow would break them a second time.

const SOME = 20; // lines; of fewer nothing is known
const [SHORTEST, LONGEST] = [45, 200]; // characters of lines that are taken for broken ones
const SENTENCES = 0.5; // of the breaks are within a sentence, where texts are broken by width
// Types of files that hold prose; lines of programs, tables and logs are lines.
const PROSE = new Set("adoc doc docx eml epub fb2 htm html markdown md msg odt org pdf rst rtf text txt".split(" "));
const SMALL = /^\p{Ll}/u;
const GOES_ON = /^[\p{L}\p{N}"'“‘«(`[]/u;

/**
 * The text with blanks for breaks within paragraphs, and everything at its place.
 *
 * A break is one of the page's where the next line's first word had no room before it, or is in the
 * middle of a sentence. `fixed` are places before which a line begins, such as headings and pages.
 */
export function flowing(text, { type, fixed }) {
  if (!PROSE.has(type)) return text;
  const lines = text.split("\n");
  const width = usualWidth(lines);
  if (!width) return text;
  const starts = new Set(fixed);
  const breaks = [];
  let [place, small] = [0, 0];
  lines.slice(0, -1).forEach((line, n) => {
    const [end, next] = [place + line.length, lines[n + 1]];
    const isSoft = !starts.has(place) && !starts.has(end + 1) && wraps(line, next, width);
    breaks.push(isSoft ? " " : "\n");
    if (isSoft && SMALL.test(next)) small += 1;
    place = end + 1;
  });
  const soft = breaks.filter((each) => each === " ").length;
  if (small < SENTENCES * soft) return text;
  return lines.map((line, n) => line + (breaks[n] ?? "")).join("");
}

function wraps(line, next, width) {
  if (line.length < SHORTEST || line.length > LONGEST || !GOES_ON.test(next)) return false;
  const word = /^\S*/.exec(next)[0].length;
  return line.length + 1 + word > width || SMALL.test(next);
}

/** How long lines are that are full; 0 where they are not broken, or too few to tell. */
function usualWidth(lines) {
  const lengths = lines.map((each) => each.length).filter((each) => each >= SHORTEST);
  if (lengths.length < SOME) return 0;
  lengths.sort((one, other) => one - other);
  const width = lengths[Math.floor(0.97 * lengths.length)];
  return width <= LONGEST ? width : 0;
}
