// One player that controls switch among sounds. `build` draws it; where a sound comes from is the caller's affair:
// Python through a live model (`render`, below), or files (mount.mjs).
// One file, since JupyterLab fetches no other: elements, player and view stand here too, and have modules that pass them on.

// Elements of a form.
let count = 0;

export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export const options = (entries) => entries.map(([value, textContent]) => make("option", { value, textContent }));

// A control with its label, and what else stands beside it.
export function field(label, node, ...rest) {
  node.id = `audiosae-control-${++count}`;
  return make("div", { className: "audiosae-axis" }, make("label", { htmlFor: node.id, textContent: label }), node, ...rest);
}

// Gapless playback in Web Audio: sounds of one length loop, and one takes the place of another at the same position, crossfaded. No sample
// exceeds −1 dBFS. Nothing plays before `play`, and only one player of a page at a time.

const FADE = 0.02; // seconds
export const PEAK = 10 ** (-1 / 20);

const players = new Set();

// What plays on the page stops, all but one sound; an audio element that begins stops all others.
export function silence(other = null) {
  for (const player of players) if (player !== other) player.pause();
  for (const audio of document.querySelectorAll("audio")) if (audio !== other) audio.pause();
}
document.addEventListener("play", ({ target }) => silence(target), true);

// The gain that brings a wave of some loudness (LUFS) to a target, or as near as its peak allows.
export function safeGain(wave, loudness, target) {
  let peak = 1e-9;
  for (const channel of wave) for (const value of channel) peak = Math.max(peak, Math.abs(value));
  const wanted = Number.isFinite(loudness) ? 10 ** ((target - loudness) / 20) : 1;
  return Math.min(wanted, PEAK / peak);
}

export class Player {
  #context = null;
  #source = null; // { node, gain } of what is heard
  #buffer = null;
  #level = 1;
  #from = 0; // position in s where it stood at #since
  #since = 0;

  constructor(changed = () => {}) {
    this.changed = changed;
    players.add(this);
  }

  get playing() {
    return this.#source !== null;
  }

  get duration() {
    return this.#buffer?.duration ?? 0;
  }

  // Seconds into the loop.
  get position() {
    const gone = this.playing ? this.#context.currentTime - this.#since : 0;
    return this.duration ? (this.#from + gone) % this.duration : 0;
  }

  // Put a wave [channels][samples] in the place of what is there, with a gain.
  show(wave, rate, gain) {
    const at = this.position;
    const buffer = new AudioBuffer({ numberOfChannels: wave.length, length: wave[0].length, sampleRate: rate });
    wave.forEach((channel, number) => buffer.copyToChannel(channel, number));
    [this.#buffer, this.#level] = [buffer, gain];
    if (this.playing) this.#begin(at);
    else this.#from = Math.min(at, buffer.duration);
  }

  async play() {
    if (!this.#buffer || this.playing) return;
    silence(this);
    this.#context ??= new AudioContext();
    await this.#context.resume();
    this.#begin(this.#from);
    this.changed();
  }

  pause() {
    if (!this.playing) return;
    this.#from = this.position;
    this.#end();
    this.#source = null;
    this.changed();
  }

  seek(seconds) {
    if (this.playing) this.#begin(seconds);
    else this.#from = seconds;
    this.changed();
  }

  #begin(at) {
    const context = this.#context;
    const [node, gain] = [new AudioBufferSourceNode(context, { buffer: this.#buffer, loop: true }), new GainNode(context, { gain: 0 })];
    node.connect(gain).connect(context.destination);
    const now = context.currentTime;
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(this.#level, now + FADE);
    this.#end();
    [this.#source, this.#from, this.#since] = [{ node, gain }, at % this.duration, now];
    node.start(now, this.#from);
  }

  #end() {
    if (!this.#source) return;
    const { node, gain } = this.#source;
    const now = this.#context.currentTime;
    gain.gain.cancelScheduledValues(now);
    gain.gain.setValueAtTime(gain.gain.value, now);
    gain.gain.linearRampToValueAtTime(0, now + FADE);
    node.stop(now + FADE);
  }
}

// Save a sound as it is heard, as NAME.wav.
export function download({ wave, gain }, rate, name) {
  const url = URL.createObjectURL(new Blob([wav(wave.map((channel) => channel.map((value) => value * gain)), rate)], { type: "audio/wav" }));
  Object.assign(document.createElement("a"), { href: url, download: `${name}.wav` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// A wave [channels][samples] as the bytes of a WAV file, 24 bits.
export function wav(wave, rate) {
  const [channels, frames] = [wave.length, wave[0].length];
  const view = new DataView(new ArrayBuffer(44 + frames * channels * 3));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * channels * 3, true);
  view.setUint16(32, channels * 3, true);
  view.setUint16(34, 24, true);
  text(36, "data");
  view.setUint32(40, frames * channels * 3, true);
  for (let i = 0, at = 44; i < frames; i++) {
    for (const channel of wave) {
      const value = Math.round(Math.max(-1, Math.min(1, channel[i])) * 0x7fffff);
      view.setUint16(at, value & 0xffff, true);
      view.setInt8(at + 2, value >> 16);
      at += 3;
    }
  }
  return view.buffer;
}

// What stands around a recorded sound: a button, its spectrogram, what was measured on it. Sounds loop, and one takes the place of another at the
// same position.


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

// `description`: title, caption, axes as [name, labels, kind], and where they are wanted `beside`, what every sound can be compared
// with, and `curves`, see `curvesOf`.
// `fetchSound({ indices, beside })` resolves to { wave, picture, readout, release }: see `soundView`; `release` frees the picture, where that is needed.
export function build(element, description, fetchSound) {
  const indices = [];
  const view = soundView("Spectrogram: time from left to right, pitch upwards from 40 Hz (mel scale), bright is loud.");
  const curves = description.curves ? curvesOf(description.curves) : null;

  const controls = make("div", { className: "audiosae-controls" });
  description.axes.forEach(([name, labels, kind], axis) => {
    const { input, rest, index } = { list: listFor, slider: sliderFor }[kind](labels);
    indices.push(index());
    input.disabled = labels.length < 2;
    input.addEventListener("input", () => {
      indices[axis] = index();
      curves?.show(indices);
      choose();
    });
    const control = field(name, input, ...rest);
    control.classList.add(`audiosae-${kind}`);
    controls.append(control);
  });

  const compare = description.beside ? switchFor(description.beside, choose) : null;

  element.replaceChildren(
    make("p", { className: "audiosae-title", textContent: description.title }),
    controls, ...(curves ? [curves.node] : []),
    make("div", { className: "audiosae-pads" }, view.toggle, ...(compare ? [compare.node] : [])), view.picture, view.readout, view.status,
  );
  if (description.caption) {
    element.append(make("p", { className: "audiosae-caption", textContent: description.caption }));
  }
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", description.title);
  curves?.show(indices);

  // Only the newest choice counts: while one is being fetched, the next waits, and those between are forgotten.
  let busy = false;
  let waiting = false;
  let release;
  async function choose() {
    waiting = true;
    if (busy) return;
    busy = true;
    while (waiting) {
      waiting = false;
      const wanted = { indices: [...indices], beside: Boolean(compare?.on()) };
      // A sound that is there at once should not make the text flicker.
      const notice = setTimeout(() => { view.status.textContent = "Computing…"; }, 200);
      try {
        const sound = await fetchSound(wanted);
        view.status.textContent = "";
        if (waiting) {
          sound.release?.();
        } else {
          view.show(sound);
          release?.();
          ({ release } = sound);
          element.dataset.state = wanted.indices.join("-") + (wanted.beside ? " beside" : "");
        }
      } catch (error) {
        view.status.textContent = error.message;
      } finally {
        clearTimeout(notice);
      }
    }
    busy = false;
  }

  return choose();
}

// It begins at 0, where nothing is done.
function sliderFor(labels) {
  const input = make("input", { type: "range", min: 0, max: labels.length - 1, step: 1, value: Math.max(labels.indexOf("0"), 0) });
  const output = make("output");
  const show = () => {
    output.textContent = labels[input.value];
    input.setAttribute("aria-valuetext", labels[input.value]);
  };
  input.addEventListener("input", show);
  show();
  return { input, rest: [output], index: () => Number(input.value) };
}

function listFor(labels) {
  const input = make("select", {}, ...options([...labels.entries()]));
  return { input, rest: [], index: () => Number(input.value) };
}

// One button between two sounds of a state, so that the ear can go back and forth without losing its place.
function switchFor(label, changed) {
  const node = make("button", { type: "button", className: "audiosae-beside" });
  let on = false;
  const show = () => {
    node.textContent = on ? `You hear: ${label}. Go back` : `Compare with: ${label}`;
    node.setAttribute("aria-pressed", String(on));
  };
  node.addEventListener("click", () => {
    on = !on;
    show();
    changed();
  });
  show();
  return { node, on: () => on };
}

// Lines over the values of the last axis, with a cursor that goes with its slider. `curves`: { label, by, sets }, where sets[i] holds
// the lines, as [name, values], for value i of axis number `by`.
function curvesOf({ label, by, sets }) {
  const [width, height] = [600, 130];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `-4 -4 ${width + 8} ${height + 8}`);
  svg.setAttribute("role", "img");
  const key = make("p", { className: "audiosae-key" });
  const node = make("figure", { className: "audiosae-curves" }, svg, key);
  const draw = (tag, properties) => {
    const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) part.setAttribute(name, value);
    svg.append(part);
    return part;
  };
  const show = (indices) => {
    const lines = sets[indices[by]];
    const at = indices.at(-1);
    const all = sets.flat().flatMap(([, values]) => values).concat(0, 1);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const y = (value) => height * (high - value) / (high - low);
    svg.replaceChildren();
    for (const value of [0, 1]) {
      draw("line", { x1: 0, x2: width, y1: y(value), y2: y(value), class: "rule" });
      draw("text", { x: width, y: y(value) - 4, "text-anchor": "end" }).textContent = value;
    }
    for (const [name, values] of lines) {
      const points = values.map((value, i) => `${width * i / (values.length - 1)},${y(value)}`).join(" ");
      draw("polyline", { points, class: name });
    }
    const x = width * at / (lines[0][1].length - 1);
    draw("line", { x1: x, x2: x, y1: 0, y2: height, class: "cursor" });
    for (const [name, values] of lines) draw("circle", { cx: x, cy: y(values[at]), r: 4.5, class: name });
    svg.setAttribute("aria-label", `${label}, from 0 to 1`);
    key.replaceChildren(`${label}: `, ...lines.map(([name, values]) =>
      make("span", { className: `audiosae-${name}`, textContent: `${name} ${values[at].toFixed(2)}` })));
  };
  return { node, show };
}

// The form in JupyterLab: anywidget calls this, and Python answers each question with an MP3 and a picture, see `widgets.sound`.
async function render({ model, el, experimental }) {
  const element = make("div", { className: "audiosae-switch" });
  el.append(element);
  await build(element, model.get("description"), async (wanted) => {
    // A slider on the move should not ask for every value that it passes.
    await new Promise((resolve) => setTimeout(resolve, 120));
    const [{ error, readout }, buffers] = await experimental.invoke("ask", wanted, { signal: new AbortController().signal });
    if (error) throw new Error(error);
    const [sound, image] = buffers.map(({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength));
    const picture = image && URL.createObjectURL(new Blob([image], { type: "image/webp" }));
    return { wave: () => decode(sound.slice()), picture, readout, release: () => picture && URL.revokeObjectURL(picture) };
  });
}

export default { render };
