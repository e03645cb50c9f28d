// A few sounds of one length on pads: they loop, and one takes the place of another at the same position. `build` draws them; sounds are fetched
// when one is played first.

import { Player } from "./live/player.mjs";

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export async function decoded(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`This sound is missing (${answer.status}: ${new URL(address).pathname}).`);
  return new OfflineAudioContext(1, 1, 44100).decodeAudioData(await answer.arrayBuffer());
}

// `told`: title, caption, and pads as { label, note, url, picture, readout }.
export function build(element, { title, caption, pads }) {
  const waves = new Map(); // decoded sounds, by pad; a failure is forgotten, so that it can be tried again
  let chosen = 0;
  const status = make("p", { className: "audiosae-status", role: "status" });
  const readout = make("dl", { className: "audiosae-readout" });
  const note = make("p", { className: "audiosae-note", ariaLive: "polite" });
  const image = make("img", { alt: "Spectrogram of this sound: time from left to right, pitch upwards, bright is loud", decoding: "async" });
  const frame = make("div", { className: "audiosae-picture" }, image);
  const toggle = make("button", { type: "button", className: "audiosae-play" });
  const buttons = pads.map(({ label }, i) => make("button", { type: "button", className: "audiosae-pad" }, make("kbd", { textContent: i + 1 }), ` ${label}`));
  const player = new Player(show);

  function follow() {
    frame.style.setProperty("--played", player.duration ? player.position / player.duration : 0);
    if (player.playing) requestAnimationFrame(follow);
  }

  function show() {
    toggle.textContent = player.playing ? "❚❚ Pause" : "▶ Play";
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
    const pad = pads[chosen];
    if (image.getAttribute("src") !== pad.picture) image.src = pad.picture;
    note.textContent = pad.note ?? "";
    readout.replaceChildren(...pad.readout.map(([key, value]) => make("div", {}, make("dt", { textContent: key }), make("dd", { textContent: value }))));
    element.dataset.pad = chosen;
    follow();
  }

  async function sound(i) {
    if (!waves.has(i)) waves.set(i, decoded(pads[i].url));
    waves.get(i).catch(() => waves.delete(i));
    const buffer = await waves.get(i);
    if (i !== chosen) return false;
    player.show(Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel)), buffer.sampleRate, 1);
    return true;
  }

  async function choose(i) {
    chosen = i;
    show();
    try {
      if (await sound(i)) await player.play();
      status.textContent = "";
      pads.forEach((_, other) => waves.has(other) || waves.set(other, decoded(pads[other].url))); // the next switch is at once
    } catch (error) {
      status.textContent = error.message;
    }
    show();
  }

  toggle.addEventListener("click", () => (player.playing ? player.pause() : choose(chosen)));
  buttons.forEach((button, i) => button.addEventListener("click", () => choose(i)));
  element.addEventListener("keydown", (event) => {
    if (event.target.tagName === "BUTTON" && event.key === " ") return; // the button's own
    const place = Number(event.key) - 1;
    if (event.ctrlKey || event.metaKey || event.altKey || !(place in pads)) return;
    event.preventDefault();
    choose(place);
  });
  element.replaceChildren(
    ...(title ? [make("p", { className: "audiosae-title", textContent: title })] : []),
    make("div", { className: "audiosae-pads", role: "group", ariaLabel: "Sounds" }, toggle, ...buttons), frame, note, readout, status,
    ...(caption ? [make("p", { className: "audiosae-caption", textContent: caption })] : []),
  );
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", title || "Sounds to compare");
  show();
}
