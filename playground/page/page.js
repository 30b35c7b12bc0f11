// Keeps the page as the server has it now, without touching what the person is writing, and sends its forms to the API.

const callbacks = {
  /** A field that the person has changed stays as it is. */
  beforeNodeMorphed: (shown) =>
    !("defaultValue" in shown) || (shown.value === shown.defaultValue && shown.checked === shown.defaultChecked),
  /** What the person has opened or closed stays so. */
  beforeAttributeUpdated: (name) => name !== "open",
};

let last = "";

async function refresh() {
  const response = await fetch(location.pathname).catch(() => null);
  const text = response?.ok ? await response.text() : last;
  if (text === last) return;
  last = text;
  const next = new DOMParser().parseFromString(text, "text/html");
  Idiomorph.morph(document.querySelector(".columns"), next.querySelector(".columns"), { callbacks });
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { target: form, submitter: button } = event;
  button.disabled = true;
  const problem = await send(form, button.dataset);
  button.disabled = false;
  document.querySelector("#problem").textContent = problem;
  if (problem) return;
  if (form.body) form.body.value = form.body.defaultValue;
  form.closest("details")?.removeAttribute("open");
  await refresh();
});

/** Resolves to what went wrong, for the person to read; empty when nothing did. */
async function send(form, { method, json }) {
  const { token, ...fields } = Object.fromEntries(new FormData(form));
  const request = { method, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } };
  if (method !== "DELETE") request.body = json ?? JSON.stringify(fields);
  try {
    const response = await fetch(form.getAttribute("action"), request);
    return response.ok ? "" : `The API refused: ${(await response.json()).message}`;
  } catch {
    return "The playground does not answer. Is it still running?";
  }
}

document.addEventListener("click", ({ target }) => {
  if (!target.matches(".chip")) return;
  const box = document.querySelector("#comment");
  box.value = target.textContent;
  box.focus();
});

for (;;) {
  await refresh();
  await new Promise((done) => setTimeout(done, 1000));
}
