// Everything that computes, off the page's thread: onnxruntime-web, a codec's decoder and encoder, the autoencoder, the measures.
// A message is { id, job, … }, its answer { id, … } or { id, error }; see `jobs`.
import { Autoencoder, Clip } from "./autoencoder.mjs";
import { hot, noise, probabilities, step, times } from "./flow.mjs";
import { RATE, comb, frameTimes, levelAndBrightness, loudness, mono, resample, voiced } from "./signal.mjs";
import { read } from "./tensors.mjs";

const LIVE = new URL("../../live/", import.meta.url); // what the stage `live` wrote

async function bytes(path) {
  const answer = await fetch(new URL(path, LIVE));
  if (!answer.ok) throw new Error(`${path} cannot be fetched (${answer.status})`);
  return answer.arrayBuffer();
}

// What lies gzipped, for servers that do not compress; some unpack it on the way.
async function unpacked(path) {
  const packed = await bytes(path);
  const [first, second] = new Uint8Array(packed, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return packed;
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

const json = async (path) => JSON.parse(new TextDecoder().decode(await bytes(path)));
const checkpoint = async (path) => read(await bytes(path));

// What is fetched once, by its path; a failure is forgotten, so that it can be tried again.
const kept = new Map();
function once(path, fetched) {
  if (!kept.has(path)) {
    const wanted = fetched(path);
    kept.set(path, wanted);
    wanted.catch(() => kept.delete(path));
  }
  return kept.get(path);
}

const runtime = () =>
  once("runtime", async () => {
    const [ort, wasm] = await Promise.all([import(new URL("../runtime/ort.wasm.bundle.min.mjs", LIVE)), unpacked("../runtime/ort-wasm-simd-threaded.wasm.gz")]);
    Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: wasm });
    return ort;
  });

const session = (path) =>
  once(path, async () => {
    const [ort, model] = await Promise.all([runtime(), bytes(path)]);
    return ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"], enableMemPattern: false });
  });

async function run(path, inputs) {
  const [ort, model] = await Promise.all([runtime(), session(path)]);
  const given = Object.entries(inputs).map(([name, { data, shape }]) => [name, new ort.Tensor("float32", data, shape)]);
  return model.run(Object.fromEntries(given));
}

let codec = null; // { name, kind, info, latents, clip, probes, towards }: what is made of the latents comes when it is asked for, see `ready`

const directions = {
  class: ({ property, number }) => codec.probes[`${property}.weight`].data.subarray(number * codec.clip.sae.hidden, (number + 1) * codec.clip.sae.hidden),
  feature: ({ number }) => new Float32Array(codec.clip.sae.hidden).fill(1, number, number + 1),
};

function begin(latents) {
  Object.assign(codec, { latents, clip: null, towards: new Map() });
  return { frames: latents.length / codec.info.dim };
}

// The clip's features. They are not needed for the codec's own sound, which should be heard first.
async function ready() {
  const { name, kind } = codec;
  const [sae, probes] = await Promise.all(["sae", "probes"].map((part) => once(`${name}/${kind}/${part}.safetensors`, checkpoint)));
  codec.probes = probes.tensors;
  codec.clip ??= new Clip(new Autoencoder(sae), codec.latents);
  return codec.clip;
}

async function decoded(latents, { name, info: { dim } } = codec) {
  const { wave } = await run(`${name}/decoder.onnx`, { latents: { data: latents, shape: [1, latents.length / dim, dim] } });
  const [, channels, samples] = wave.dims;
  return Array.from({ length: channels }, (_, c) => wave.data.slice(c * samples, (c + 1) * samples));
}

const jobs = {
  // A codec with an autoencoder of a kind: what its index says. The clip at hand is kept where the codec stays.
  async load({ name, kind }) {
    const [info] = await Promise.all([once(`${name}/index.json`, json), session(`${name}/decoder.onnx`)]);
    const latents = codec?.name === name ? codec.latents : null;
    codec = { name, kind, info };
    return { info, ...(latents ? begin(latents) : {}) };
  },

  // A clip of the corpus, by name.
  async clip({ clip }) {
    return begin(new Float32Array(await bytes(`${codec.name}/clips/${clip}.f32`)));
  },

  // A sound of one's own: a wave [channels][samples] at the codec's rate.
  async sound({ wave }) {
    const { channels, hop } = codec.info;
    const samples = Math.ceil(wave[0].length / hop) * hop;
    const data = new Float32Array(channels * samples);
    for (let c = 0; c < channels; c++) data.set(channels === 1 ? mono(wave) : (wave[c] ?? wave[0]), c * samples);
    const { latents } = await run(`${codec.name}/encoder.onnx`, { wave: { data, shape: [1, channels, samples] } });
    return begin(latents.data.slice());
  },

  // The wave of the clip, pushed: { direction: { what, … }, alpha, variant, span }; without a direction the codec's own sound.
  async render({ direction, alpha, variant, span }) {
    const heard = async (latents, r) => {
      const wave = await decoded(latents);
      return { wave, r, loudness: loudness(wave, codec.info.sampleRate) };
    };
    if (!direction) return heard(codec.latents, 0);
    const [clip, key] = [await ready(), JSON.stringify(direction)];
    if (!codec.towards.has(key)) codec.towards.set(key, clip.towards(directions[direction.what](direction)));
    const towards = codec.towards.get(key);
    const r = alpha * towards.length;
    return heard(clip.steer(towards, r, variant, span), r);
  },

  // What is heard in a wave [channels][samples] at the codec's rate.
  async measure({ wave }) {
    const { sampleRate, frameRate } = codec.info;
    const mixed = mono(wave);
    const mix = resample(mixed, sampleRate, RATE);
    const times = frameTimes(Math.floor((mix.length / RATE) * frameRate), frameRate);
    const { rms, centroid } = levelAndBrightness(mix, times);
    const { f0, confidence } = await pitch(resample(mix, RATE, 16000), times);
    const sure = voiced(confidence, rms);
    return { f0: f0.map((hz, i) => (sure[i] ? hz : NaN)), rms, centroid, comb: comb(mixed, sampleRate, frameRate), loudness: loudness(wave, sampleRate) };
  },

  // Which features fire in a span of the clip.
  async firing({ span }) {
    return { features: (await ready()).firing(span) };
  },
};

// ---- The small generator: pieces on their way from noise to music, decoded and read by what belongs to the VAE. ----

let maker = null; // { from, told, name, info, sae, probes, pieces }: the generator's folder and index, then the VAE's

// What the classifiers say of latents, by property.
function said(latents) {
  const { info, sae, probes } = maker;
  const f = sae.encode(latents);
  return Object.fromEntries(Object.keys(info.classes).map((of) => [of, probabilities(f, probes[`${of}.weight`].data, probes[`${of}.bias`].data)]));
}

Object.assign(jobs, {
  // A generator by the name of its folder: what its index says, and the classes and channels of the VAE.
  async generator({ name: from }) {
    const told = await once(`${from}/index.json`, json);
    if (told.why) throw new Error(told.why);
    const name = told.codec;
    const [info, sae, probes] = await Promise.all([
      once(`${name}/index.json`, json), once(`${name}/paper/sae.safetensors`, checkpoint), once(`${name}/paper/probes.safetensors`, checkpoint),
      session(`${from}/velocity.onnx`), session(`${name}/decoder.onnx`),
    ]);
    maker = { from, told, name, info, probes: probes.tensors, sae: new Autoencoder(sae), pieces: [] };
    return { told, classes: info.classes };
  },

  // Begin some pieces [{ seed, words: { kind: word } }]; those before are forgotten.
  async generate({ wanted }) {
    const { mean, std, dim, frames, kinds } = maker.told;
    maker.pieces = wanted.map(({ seed, words }) => ({
      words: hot(kinds, words), noisy: [noise(seed, frames * dim).map((value, i) => mean[i % dim] + std[i % dim] * value)], clean: [],
    }));
    return { begun: wanted.length };
  },

  // What the classifiers say of a piece's next state, noisy and estimated. The step to the one after is made at the same time.
  async advance({ piece }) {
    const { from, told: { dim, frames, states, strength }, pieces: { [piece]: { words, noisy, clean } } } = maker;
    const [x, [now, then]] = [noisy.at(-1), times(states).slice(clean.length)];
    if (clean.length === states - 1) clean.push(x); // the music
    else {
      const given = { latents: { data: x, shape: [1, frames, dim] }, time: { data: Float32Array.of(now), shape: [1] }, words: { data: words, shape: [1, words.length] } };
      const made = step(x, (await run(`${from}/velocity.onnx`, given)).velocity.data, now, then, strength);
      if (!made.next.every(Number.isFinite)) throw new Error(`The latents are no numbers any more after state ${clean.length}.`);
      clean.push(made.clean);
      noisy.push(made.next);
    }
    return { noisy: said(x), clean: said(clean.at(-1)) };
  },

  // A state of a piece as a wave, with its loudness in LUFS; `what` is noisy or clean.
  async hear({ piece, number, what }) {
    const wave = await decoded(maker.pieces[piece][what][number], maker);
    return { wave, loudness: loudness(wave, maker.told.sampleRate) };
  },
});

// SwiftF0 on a mono sound at 16 kHz, read at times: the frame nearest to each.
async function pitch(wave, times) {
  const scalar = (value) => ({ data: Float32Array.of(value), shape: [] });
  const found = await run("../runtime/swift-f0.onnx", { audio: { data: wave, shape: [1, wave.length] }, fmin: scalar(46.875), fmax: scalar(2093.75) });
  const count = found.pitch.data.length;
  const at = Array.from(times, (time) => Math.min(count - 1, Math.max(0, Math.ceil(time / 0.016 - 0.5))));
  const loud = (k) => wave.subarray(k * 256, (k + 1) * 256).some((value) => Math.abs(value) >= 1e-3);
  return { f0: Float32Array.from(at, (k) => found.pitch.data[k]), confidence: Float32Array.from(at, (k) => (loud(k) ? found.confidence.data[k] : 0)) };
}

async function answer({ id, job, ...told }) {
  try {
    const answer = await jobs[job](told);
    const moved = Object.values(answer).flat().filter((value) => value instanceof Float32Array).map((value) => value.buffer);
    self.postMessage({ id, ...answer }, moved);
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
}

// One after another, since they share the codec and the clip at hand.
let last = Promise.resolve();
self.onmessage = ({ data }) => { last = last.then(() => answer(data)); };
