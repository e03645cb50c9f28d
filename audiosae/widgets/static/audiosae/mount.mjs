// The book's form of the switch: states and sounds were written in advance, beside their index.json.
import { build } from "./sound_switch.mjs";

async function mount(element) {
  const address = new URL(element.dataset.audiosaeSrc, document.baseURI);
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The sounds of this player are missing (${response.status}: ${address.pathname}).`);
  const index = await response.json();
  await build(element, index, async (indices, heard) => {
    const { file, readout } = index.states[indices.join("-")];
    const sound = new URL(file, address).href;
    if (!heard) return { url: sound, readout };
    // Loaded whole, a sound can go on from the middle even where the server sends no part of a file, as Python's does
    // not; and the old one plays on until the new one is there.
    const answer = await fetch(sound);
    if (!answer.ok) throw new Error(`This sound is missing (${answer.status}: ${file}).`);
    const url = URL.createObjectURL(await answer.blob());
    return { url, readout, release: () => URL.revokeObjectURL(url) };
  });
}

async function nameCommit(element) {
  const answer = await fetch(new URL("../../commit.txt", import.meta.url));
  if (answer.ok) element.textContent = await answer.text();
}

document.querySelectorAll("[data-audiosae-commit]").forEach(nameCommit);

for (const element of document.querySelectorAll("[data-audiosae-src]")) {
  mount(element).catch((error) => { element.append(error.message); });
}
