// The book's form of the widgets: what they show was written in advance, beside an index.json. Each module is loaded by the pages that need it.

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
    const [{ build }, index] = await Promise.all([import("./sound_switch.mjs"), json(address)]);
    const told = JSON.parse(element.dataset.audiosaeTold ?? "{}");
    const fixed = told.fix ?? index.axes.map(() => null);
    const description = { ...index, ...told, axes: index.axes.filter((_, axis) => fixed[axis] === null) };
    await build(element, description, async ({ indices, beside }, heard) => {
      const free = [...indices];
      const state = index.states[fixed.map((place) => place ?? free.shift()).join("-")];
      const { file, readout, picture } = beside ? index.besides[state.beside] : state;
      const sound = new URL(file, address);
      return { url: sound.href, readout, picture: picture && new URL(picture, address).href, ...(heard ? await whole(sound) : {}) };
    });
  },
  async audiosaeFeatures(element, address) {
    const [{ build }, index] = await Promise.all([import("./feature_browser.mjs"), json(address)]);
    build(element, index, (clip) => whole(new URL(`../../clips/${clip}.mp3`, address)), true);
  },
  async audiosaeCheck(element, address) {
    const [{ build }, index] = await Promise.all([import("./listening_check.mjs"), json(address)]);
    build(element, index, (file) => whole(new URL(file, address)));
  },
  async audiosaeCommit(element) {
    const answer = await fetch(new URL("../../commit.txt", import.meta.url));
    if (answer.ok) element.textContent = await answer.text();
  },
};

for (const [kind, mount] of Object.entries(MOUNTS)) {
  const attribute = `data-${kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    mount(element, new URL(element.dataset[kind], document.baseURI)).catch((error) => { element.append(error.message); });
  }
}
