// Requests to this server and no other, and what its refusals mean in words.

const KEY = "longembed-key";
let askForKey = async () => false;
let asking = null;

/** Who shows the field for the key: called with whether one was given and is wrong. */
export function onKeyWanted(ask) {
  askForKey = ask;
}

export function keepKey(key) {
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    memory = key;
  }
}

let memory = "";

function key() {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory;
  }
}

/** A request that was refused, or got no answer. */
export class Problem extends Error {
  constructor(message, { status = 0, code = null, retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The JSON that the server answers; `body` is sent as JSON, `form` as it is. */
export async function ask(path, { body, form, signal } = {}) {
  for (;;) {
    const sent = key();
    const response = await send(path, { body, form, signal, sent });
    if (response.ok) return response.json();
    const problem = await problemOf(response);
    if (problem.status !== 401) throw problem;
    // Several requests that are refused at once ask for the key once; one that was given in the
    // meantime is tried first.
    if (key() === sent) {
      asking ??= askForKey(Boolean(sent)).finally(() => (asking = null));
      if (!(await asking)) throw problem;
    }
  }
}

async function send(path, { body, form, signal, sent }) {
  const headers = {};
  if (sent) headers.Authorization = `Bearer ${sent}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const content = form ?? (body === undefined ? undefined : JSON.stringify(body));
  const method = content === undefined ? "GET" : "POST";
  try {
    return await fetch(path, { method, headers, body: content, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?", { code: "unreachable" });
  }
}

async function problemOf(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // A proxy in between may answer with anything.
  }
  const { status } = response;
  const message = error.message ? sentence(error.message) : `The server answered with ${status}.`;
  return new Problem(message, {
    status,
    code: error.code,
    retryAfter: Number(response.headers.get("Retry-After")) || 0,
  });
}

function sentence(text) {
  const said = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(said) ? said : `${said}.`;
}
