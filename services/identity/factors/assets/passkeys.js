// Passkeys: the browser is asked, and its answer goes with the form. Where it cannot be asked, the page says what to do.
const { PublicKeyCredential, navigator } = window;

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!PublicKeyCredential?.parseRequestOptionsFromJSON) continue;
  const [unable, failed, button] = [".unable", ".failed", "button"].map((part) => form.querySelector(part));
  [unable.hidden, button.hidden] = [true, false];
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    [failed.hidden, button.disabled] = [true, true];
    const options = JSON.parse(form.dataset.options);
    try {
      const answer = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.elements.credential.value = JSON.stringify(answer.toJSON());
      form.submit();
    } catch {
      [failed.hidden, button.disabled] = [false, false];
    }
  });
}
