// A few sounds on pads: each takes the place of another at the same position. `build` draws them; sounds are fetched when one is played first.

import { make } from "./elements.mjs";
import { decoded, soundView } from "./sound_view.mjs";

// `told`: title, caption, pads as { label, note, url, picture, readout }, and whether they are small: buttons alone.
export function build(element, { title, caption, pads, small }) {
  const view = soundView();
  const note = make("p", { className: "audiosae-note", ariaLive: "polite" });
  const buttons = pads.map(({ label }, i) => make("button", { type: "button", className: "audiosae-pad" }, ...(small ? [] : [make("kbd", { textContent: i + 1 }), " "]), label));

  function show(i) {
    const pad = pads[i];
    buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(i === other)));
    note.textContent = pad.note ?? "";
    element.dataset.pad = i;
    view.show({ ...pad, wave: () => decoded(pad.url) });
  }

  async function choose(i) {
    show(i);
    await view.play();
    for (const { url } of pads) decoded(url).catch(() => {}); // the next switch is at once; an error is told when that sound is wanted
  }

  buttons.forEach((button, i) => button.addEventListener("click", () => choose(i)));
  element.addEventListener("keydown", (event) => {
    const place = Number(event.key) - 1;
    if (event.ctrlKey || event.metaKey || event.altKey || !(place in pads)) return;
    event.preventDefault();
    choose(place);
  });
  element.replaceChildren(
    ...(title && !small ? [make("p", { className: "audiosae-title", textContent: title })] : []),
    make("div", { className: "audiosae-pads", role: "group", ariaLabel: "Sounds" }, view.toggle, ...buttons), ...(small ? [] : [view.picture, note, view.readout]), view.status,
    ...(caption ? [make("p", { className: "audiosae-caption", textContent: caption })] : []),
  );
  element.classList.toggle("audiosae-small", Boolean(small));
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", title || "Sounds to compare");
  show(0);
}
