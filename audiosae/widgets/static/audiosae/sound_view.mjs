// What stands around a recorded sound: a button, its spectrogram, what was measured on it. Sounds loop, and one takes the place of another at the
// same position.

import { make } from "./elements.mjs";
import { Player } from "./player.mjs";

const KEPT = 40; // decoded sounds
const STEP = 0.5; // seconds by which an arrow key moves

const waves = new Map(); // by address; a failure is forgotten, so that it can be tried again

export const decode = (bytes) => new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes);

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`This sound is missing (${answer.status}: ${new URL(address).pathname}).`);
  return decode(await answer.arrayBuffer());
}

export function decoded(address) {
  if (!waves.has(address)) {
    waves.set(address, fetched(address));
    waves.get(address).catch(() => waves.delete(address));
    if (waves.size > KEPT) waves.delete(waves.keys().next().value);
  }
  return waves.get(address);
}

// Nothing is fetched before a listener presses the button. `show(sound)` takes { wave, picture, readout }: wave() resolves to the decoded sound, picture is an
// address or missing, readout a list of [name, text].
export function soundView(words = "") {
  let sound = null;
  let heard = null; // the last sound that began
  let wanted = false; // whether it is to be heard: while it is fetched, nothing plays yet
  const toggle = make("button", { type: "button", className: "audiosae-play", title: "Arrow keys move in the sound" });
  const image = make("img", { alt: "Spectrogram of this sound: time from left to right, pitch upwards, bright is loud", decoding: "async" });
  const frame = make("div", { className: "audiosae-picture", title: "Click to go there" }, image);
  const picture = make("figure", {}, frame, ...(words ? [make("figcaption", { textContent: words })] : []));
  const readout = make("dl", { className: "audiosae-readout" });
  const status = make("p", { className: "audiosae-status" });
  status.setAttribute("role", "status");
  const player = new Player(() => {
    wanted = player.playing;
    draw();
  });

  function follow() {
    frame.style.setProperty("--played", player.duration ? player.position / player.duration : 0);
    if (player.playing) requestAnimationFrame(follow);
  }

  function draw() {
    toggle.textContent = player.playing ? "❚❚ Pause" : "▶ Play";
    follow();
  }

  async function hear() {
    const asked = sound;
    try {
      const buffer = await asked.wave();
      if (asked !== sound || !wanted || (asked === heard && player.playing)) return;
      heard = asked;
      player.show(Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel)), buffer.sampleRate, 1);
      await player.play();
      status.textContent = "";
    } catch (error) {
      wanted = false;
      status.textContent = error.message;
    }
  }

  function play() {
    wanted = true;
    return hear();
  }

  function show(next) {
    sound = next;
    picture.hidden = !sound.picture;
    if (sound.picture && image.getAttribute("src") !== sound.picture) image.src = sound.picture;
    readout.replaceChildren(...sound.readout.map(([key, value]) => make("div", {}, make("dt", { textContent: key }), make("dd", { textContent: value }))));
    return wanted ? hear() : undefined;
  }

  const go = (seconds) => player.duration && player.seek(((seconds % player.duration) + player.duration) % player.duration);
  toggle.addEventListener("click", () => (player.playing ? player.pause() : play()));
  toggle.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft" || key === "ArrowRight") go(player.position + (key === "ArrowLeft" ? -STEP : STEP));
  });
  frame.addEventListener("click", ({ offsetX }) => go((offsetX / frame.clientWidth) * player.duration));
  draw();
  return { toggle, picture, readout, status, play, show };
}
