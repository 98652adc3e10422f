// What needs a script: pages that change while they are open, times in the reader's zone, and a text checked while it is
// written.  Without scripts every page works, and shows what was so when it was loaded.
"use strict";

const zoned = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});

function times(within) {
  for (const each of within.querySelectorAll("time[datetime]")) {
    const at = new Date(each.dateTime);
    if (!Number.isNaN(at.getTime())) {
      each.title = each.textContent;
      each.textContent = zoned.format(at);
    }
  }
}

function say(text) {
  document.getElementById("announce").textContent = text;
}

// The server sends the whole part again; what the reader opened, focused or scrolled stays as it is.
function replace(live, html) {
  const open = new Set([...live.querySelectorAll("details[open]")].map((each) => each.id).filter(Boolean));
  const scrolled = [...live.querySelectorAll(".scroll, pre")].map((each) => [each.scrollLeft, each.scrollTop]);
  const focused = live.contains(document.activeElement) ? path(live, document.activeElement) : null;
  live.innerHTML = html; // from this console's own templates, escaped there
  for (const each of live.querySelectorAll("details")) {
    if (open.has(each.id)) each.open = true;
  }
  [...live.querySelectorAll(".scroll, pre")].forEach((each, i) => {
    if (scrolled[i]) [each.scrollLeft, each.scrollTop] = scrolled[i];
  });
  times(live);
  if (focused) found(live, focused)?.focus({preventScroll: true});
}

function path(root, element) {
  const steps = [];
  for (let at = element; at !== root; at = at.parentElement) {
    steps.unshift([...at.parentElement.children].indexOf(at));
  }
  return steps;
}

function found(root, steps) {
  return steps.reduce((at, step) => at?.children[step], root);
}

function follow(live) {
  const source = new EventSource(live.dataset.live);
  const problem = document.getElementById("problem");
  let first = true;
  source.onmessage = (event) => {
    const {html, problem: told} = JSON.parse(event.data);
    if (html) replace(live, html);
    if (told && problem.hidden) say("The deployment cannot be reached.");
    if (!told && !problem.hidden) say("The deployment can be reached again.");
    problem.hidden = !told;
    problem.querySelector("span").textContent = told ?? "";
    live.dataset.updates = first ? "1" : String(Number(live.dataset.updates) + 1);
    first = false;
  };
  source.addEventListener("signed-out", () => {
    source.close();
    location.reload();
  });
  addEventListener("pagehide", () => source.close());
}

function checked(text) {
  const problems = document.getElementById("problems");
  let timer, last;
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      last?.abort();
      last = new AbortController();
      const form = new URLSearchParams(new FormData(text.form));
      form.set("fragment", "1");
      try {
        const answer = await fetch(text.dataset.check, {method: "POST", body: form, signal: last.signal});
        if (answer.ok) problems.innerHTML = await answer.text();
      } catch (error) {
        if (error.name !== "AbortError") problems.textContent = "The console does not answer; the text is not checked.";
      }
    }, 400);
  });
  problems.addEventListener("click", (event) => {
    const line = Number(event.target.dataset.line);
    if (!line) return;
    event.preventDefault();
    const lines = text.value.split("\n");
    const begin = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    text.focus();
    text.setSelectionRange(begin, begin + (lines[line - 1] ?? "").length);
    text.scrollTop = (text.scrollHeight / lines.length) * Math.max(0, line - 5);
  });
}

times(document);
for (const live of document.querySelectorAll("[data-live]")) follow(live);
for (const text of document.querySelectorAll("textarea[data-check]")) checked(text);
