// The book's form of the widgets: what they show was written in advance, beside an index.json. Each module is loaded by the pages that need it.

import { silence } from "./player.mjs";

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`What this shows is missing (${answer.status}: ${address.pathname}).`);
  return answer.json();
}

// Loaded whole, a sound can start in the middle even where the server sends no part of a file, as Python's does not;
// and the old one plays on until the new one is there.
async function whole(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`This sound is missing (${answer.status}: ${address.pathname}).`);
  const url = URL.createObjectURL(await answer.blob());
  return { url, release: () => URL.revokeObjectURL(url) };
}

const MOUNTS = {
  async audiosaeSrc(element, address) {
    const [{ build }, { decoded }, index] = await Promise.all([import("./sound_switch.mjs"), import("./sound_view.mjs"), json(address)]);
    const told = JSON.parse(element.dataset.audiosaeTold ?? "{}");
    const fixed = told.fix ?? index.axes.map(() => null);
    const description = { ...index, ...told, axes: index.axes.filter((_, axis) => fixed[axis] === null) };
    await build(element, description, async ({ indices, beside }) => {
      const free = [...indices];
      const state = index.states[fixed.map((place) => place ?? free.shift()).join("-")];
      const { file, readout, picture } = beside ? index.besides[state.beside] : state;
      return { wave: () => decoded(new URL(file, address).href), readout, picture: picture && new URL(picture, address).href };
    });
  },
  async audiosaePads(element, address) {
    const { build } = await import("./sound_pads.mjs");
    const told = JSON.parse(element.dataset.audiosaeTold);
    const at = (name) => new URL(name, address).href;
    build(element, { ...told, pads: told.pads.map((pad) => ({ ...pad, url: at(pad.url), picture: pad.picture && at(pad.picture) })) });
  },
  async audiosaeFeatures(element, address) {
    const clips = new URL("../../sounds/clips/", address);
    const [{ build }, index, described] = await Promise.all([import("./feature_browser.mjs"), json(address), json(new URL("index.json", clips))]);
    const source = { features: (kind) => json(new URL(`${kind}/features.json`, address)), clip: (name) => whole(new URL(`${name}.mp3`, clips)) };
    const desk = index.decoder && new URL(`../../desk.html?codec=${address.pathname.split("/").at(-2)}`, import.meta.url);
    await build(element, { ...index, described }, source, { desk });
  },
  async audiosaeCheck(element, address) {
    const addresses = Object.entries(JSON.parse(element.dataset.audiosaeCodecs)).map(([title, path]) => [title, new URL(path, address)]);
    const [{ build }, ...indices] = await Promise.all([
      import("./listening_check.mjs"), ...addresses.map(async ([title, of]) => [title, await json(of), of]),
    ]);
    build(element, indices);
  },
  // Nothing of the runtime is fetched before its button is pressed.
  async audiosaeDesk(element) {
    const { build } = await import("./live/desk.mjs");
    const book = new URL("../../", import.meta.url);
    const browser = (codec, kind, feature) => new URL(`sections/10_feature_browser.html?codec=${codec}&kind=${kind}#feature-${feature}`, book).href;
    build(element, JSON.parse(element.dataset.audiosaeDesk), { browser, size: "6 to 11 MB, once. All is computed on your machine; nothing is sent." });
  },
  async audiosaeGenerator(element, address) {
    const [{ build }, told] = await Promise.all([import("./live/generator.mjs"), json(address)]);
    build(element, new URL(".", address).pathname.split("/").at(-2), told, { size: "18 MB, once. All is computed on your machine; nothing is sent." });
  },
  async audiosaeCommit(element) {
    const answer = await fetch(new URL("../../commit.txt", import.meta.url));
    if (answer.ok) element.textContent = await answer.text();
  },
};

const waiting = new Map(); // what to do for each element that has not been shown yet: those in tabs wait for theirs
for (const [kind, mount] of Object.entries(MOUNTS)) {
  const attribute = `data-${kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    waiting.set(element, () => mount(element, new URL(element.dataset[kind], document.baseURI)).catch((error) => { element.append(error.message); }));
  }
}

function mountShown() {
  for (const [element, mount] of waiting) {
    if (element.offsetParent === null) continue;
    waiting.delete(element);
    mount();
  }
}

// sphinx-design has chosen the tabs by then, from the address or as they were chosen last.
addEventListener("DOMContentLoaded", mountShown);
addEventListener("hashchange", mountShown);

// Tabs of one group change together, all over the page: the one that was used stays where it is, and the address says which it is.
let place = null;
const chosen = ({ target }) => (target.parentElement?.matches(".sd-tab-set") ? target.nextElementSibling : null);
document.addEventListener("change", (event) => { place = chosen(event)?.getBoundingClientRect().top; }, { capture: true });
document.addEventListener("change", (event) => {
  const label = chosen(event);
  if (!label) return;
  silence();
  scrollBy({ top: label.getBoundingClientRect().top - place, behavior: "instant" });
  const { syncGroup, syncId } = label.dataset;
  const address = new URL(location);
  if (syncGroup) address.searchParams.set(syncGroup, syncId);
  history.replaceState(null, "", address);
  mountShown();
});
