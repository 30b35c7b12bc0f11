// Keeps the page as the server has it now, without touching what the person is writing.

const changes = new EventSource("/_playground/events");
let fetching = false;
let stale = false;

changes.addEventListener("changed", refresh);

async function refresh() {
  stale = true;
  if (fetching) return;
  fetching = true;
  while (stale) {
    stale = false;
    const response = await fetch(location.pathname).catch(() => null);
    if (response?.ok) apply(new DOMParser().parseFromString(await response.text(), "text/html"));
    await new Promise((done) => setTimeout(done, 150));
  }
  fetching = false;
}

function apply(next) {
  for (const block of next.querySelectorAll("[data-live]")) replace(document.getElementById(block.id), block);
  for (const list of next.querySelectorAll("[data-live-list]")) applyList(document.getElementById(list.id), list);
}

function applyList(shown, list) {
  const ids = new Set([...list.children].map((child) => child.id));
  for (const child of [...shown.children]) if (!ids.has(child.id)) child.remove();
  for (const [index, child] of [...list.children].entries()) {
    const known = document.getElementById(child.id);
    if (known) replace(known, child);
    else shown.insertBefore(child.cloneNode(true), shown.children[index] ?? null).classList.add("new");
  }
}

// What the server sent for each block that is shown: comparing with the DOM would see the person's own changes.
const sent = new WeakMap();
for (const block of document.querySelectorAll("[data-live], [data-live-list] > *")) sent.set(block, block.outerHTML);

function replace(shown, next) {
  if (!shown || sent.get(shown) === next.outerHTML || shown.querySelector(".editing[open]")) return;
  const block = document.importNode(next, true);
  sent.set(block, next.outerHTML);
  const before = shown.querySelectorAll("details");
  for (const [index, details] of [...block.querySelectorAll("details")].entries()) {
    if (before[index]) details.open = before[index].open;
  }
  const log = shown.querySelector(".log");
  const pinned = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  const top = log?.scrollTop ?? 0;
  shown.replaceWith(block);
  const newLog = block.querySelector(".log");
  if (newLog) newLog.scrollTop = pinned ? newLog.scrollHeight : top;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  const problem = document.querySelector("#composer .problem");
  const button = event.submitter;
  button.disabled = true;
  const response = await fetch(button.getAttribute("formaction") ?? form.getAttribute("action"), {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
  }).catch(() => null);
  button.disabled = false;
  problem.textContent = response?.ok ? "" : await reason(response);
  if (!response?.ok) return;
  form.closest(".editing")?.removeAttribute("open");
  if ("clear" in form.dataset) form.querySelector("textarea").value = "";
  refresh();
});

async function reason(response) {
  if (!response) return "The playground does not answer. Is it still running?";
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  return answer.querySelector("[role=alert]")?.textContent ?? `The playground answered ${response.status}.`;
}

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLElement) || !target.dataset.fill) return;
  const box = document.querySelector("#composer textarea");
  box.value = target.dataset.fill;
  box.focus();
});

document.addEventListener("keydown", (event) => {
  const form = event.target instanceof HTMLTextAreaElement && event.target.form;
  if (form && event.key === "Enter" && (event.metaKey || event.ctrlKey))
    form.requestSubmit(form.querySelector("button:not([formaction]):not([type])"));
});
