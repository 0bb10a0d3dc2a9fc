// Files that are dropped or chosen: sent, and watched until they are in the collection.

import { Problem, ask } from "./api.js";
import { count, el } from "./text.js";

const tray = document.getElementById("tray");
const jobs = document.getElementById("jobs");
const said = document.getElementById("tray-said");
const drop = document.getElementById("drop");
const input = document.getElementById("files");
const button = document.getElementById("add");

const TOGETHER = 16 * 1024 * 1024; // bytes of one request, unless a single file has more
const MOST = 200; // files of one request
const LOOK = 400; // milliseconds between two looks at a job
let onDone = () => {};

/** Take files from the button and from anywhere on the page. */
export function takeFiles(done) {
  onDone = done;
  button.addEventListener("click", choose);
  input.addEventListener("change", () => {
    add([...input.files].map((file) => [file.name, file]));
    input.value = "";
  });
  let depth = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (isOver) => {
    depth = isOver ? depth : 0;
    drop.hidden = !isOver;
  };
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    over(true);
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) over(false);
  });
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    over(false);
    try {
      await add(await dropped(event.dataTransfer));
    } catch (error) {
      const card = new Card(1);
      card.fail("", `What was dropped cannot be read: ${error.message}`);
      card.end();
    }
  });
}

/** Show the system's window to choose files. */
export function choose() {
  input.click();
}

/** What was dropped, folders with all that lies in them, each file by its path from there. */
async function dropped(transfer) {
  // Entries are gone after the first await.
  const entries = [...transfer.items].map((each) => each.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file.name, file]);
  const found = [];
  const walk = async (entry, above) => {
    const path = above + entry.name;
    if (entry.isFile) {
      found.push([path, await new Promise((done, failed) => entry.file(done, failed))]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const each of some) await walk(each, `${path}/`);
    }
  };
  for (const each of entries) await walk(each, "");
  return found;
}

async function add(files) {
  if (!files.length) return;
  const card = new Card(files.length);
  for (const some of batches(files)) {
    const form = new FormData();
    for (const [name, file] of some) {
      form.append("files", file, file.name);
      form.append("ids", name);
    }
    try {
      await card.follow(await send(form, card));
    } catch (error) {
      if (error.code === "read_only") return card.end("This server is read only: its documents can be searched, but none added.");
      for (const [name] of some) card.fail(name, error instanceof Problem ? error.message : String(error));
    }
  }
  card.end();
  onDone();
}

/** Send files; a server that has too much to do already is given time. */
async function send(form, card) {
  for (;;) {
    try {
      return await ask("v1/files", { form });
    } catch (error) {
      if (error.status !== 429) throw error;
      card.current.textContent = error.message;
      await new Promise((go) => setTimeout(go, 1000 * (error.retryAfter || 5)));
    }
  }
}

function* batches(files) {
  let some = [];
  let size = 0;
  for (const each of files) {
    if (some.length && (size + each[1].size > TOGETHER || some.length >= MOST)) {
      yield some;
      [some, size] = [[], 0];
    }
    some.push(each);
    size += each[1].size;
  }
  yield some;
}

/** What is shown of some files that were added together. */
class Card {
  constructor(total) {
    this.total = total;
    this.before = 0;
    this.done = 0;
    this.failed = 0;
    this.title = el("p", { class: "job-title" }, `Sending ${count(total, "file")} …`);
    this.close = el("button", { type: "button", class: "icon", "aria-label": "Dismiss", hidden: true, onclick: () => this.dismiss() }, "×");
    this.bar = el("progress", { max: 1, "aria-label": "Progress" });
    this.current = el("p", { class: "fine" });
    this.failures = el("ul", { class: "failures", "aria-label": "What could not be added" });
    this.card = el("div", { class: "job" }, el("div", { class: "job-head" }, this.title, this.close), this.bar, this.current, this.failures);
    jobs.append(this.card);
    tray.hidden = false;
    say(this.title.textContent);
  }

  /** Look at a job until it is over. */
  async follow(job) {
    const known = new Set();
    for (;;) {
      for (const { source, reason } of job.failed) {
        if (!known.has(source)) this.fail(source, reason);
        known.add(source);
      }
      const part = job.tokens_total ? job.tokens_done / job.tokens_total : 0;
      this.show(this.before + job.done + known.size + (job.current ? Math.min(part, 0.99) : 0), job);
      if (job.status === "done" || job.status === "failed") break;
      await new Promise((go) => setTimeout(go, LOOK));
      job = await this.look(job);
    }
    this.done += job.done;
    this.before += Math.max(job.total, job.done + known.size);
    if (job.error) this.fail("", job.error);
  }

  async look(job) {
    try {
      return await ask(`v1/jobs/${encodeURIComponent(job.id)}`);
    } catch (error) {
      // Full or restarting servers are asked again; one that has forgotten the job is not.
      if (error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
      this.current.textContent = error.message;
      await new Promise((go) => setTimeout(go, 2000));
      return job;
    }
  }

  show(part, job) {
    this.title.textContent = job.status === "queued" ? `${count(this.total, "file")} waiting …` : `Adding ${count(this.total, "file")} …`;
    this.bar.value = Math.min(1, part / this.total);
    this.current.textContent = job.current ?? "";
  }

  fail(source, reason) {
    this.failed += 1;
    const short = reason.split("; supported are")[0];
    const told = short === reason ? reason : el("details", {}, el("summary", {}, short), reason.slice(short.length + 2));
    this.failures.append(el("li", {}, source && el("strong", {}, source), told));
  }

  end(told = "") {
    this.bar.remove();
    this.current.remove();
    this.close.hidden = false;
    const added = `${count(this.done, "document")} added`;
    const lost = this.failed ? `, ${this.failed} could not be` : "";
    this.title.textContent = told || (this.done || !this.failed ? added + lost : `${count(this.failed, "file")} could not be added`);
    this.card.classList.toggle("bad", Boolean(told || this.failed));
    say(this.title.textContent);
    if (!told && !this.failed) setTimeout(() => this.dismiss(), 8000);
  }

  dismiss() {
    if (this.card.contains(document.activeElement)) button.focus();
    this.card.remove();
    tray.hidden = jobs.childElementCount === 0;
  }
}

function say(text) {
  said.textContent = text;
}
