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
