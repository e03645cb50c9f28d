// A rectified flow from noise to music, and how far classifiers say it has come: the same sums as audiosae/generation (flow, prompts, trajectory, settling).

// Standard normal noise of a seed, a whole number. It is the page's own: uniform numbers from mulberry32 (Tommy Ettinger, public domain), two at a time
// through Box and Muller's transform. The same seed gives other noise in torch.
export function noise(seed, count) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const out = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - uniform())), 2 * Math.PI * uniform()];
    out[i] = radius * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

// 1 for each chosen word, in the order of the vocabulary { kind: [word, …] }; `chosen` { kind: word }, where "" leaves a kind out.
export const hot = (kinds, chosen) => Float32Array.from(Object.entries(kinds).flatMap(([kind, words]) => words.map((word) => Number(word === chosen[kind]))));

// From 0 to 1, evenly.
export const times = (states) => Array.from({ length: states }, (_, number) => number / (states - 1));

// One Euler step from x_t between two times, along v_c + strength (v_c − v_u), where `velocities` holds both, one after the other. Returns the
// next state, and the estimate of the music that x_t leads to, x_t + (1 − t) v_c.
export function step(x, velocities, now, then, strength) {
  const [next, clean] = [new Float32Array(x.length), new Float32Array(x.length)];
  for (let i = 0; i < x.length; i++) {
    const [told, untold] = [velocities[i], velocities[x.length + i]];
    next[i] = x[i] + (then - now) * (told + strength * (told - untold));
    clean[i] = x[i] + (1 - now) * told;
  }
  return { next, clean };
}

// What a classifier says of features f [frames, hidden]: softmax(W f + b), mean over frames [classes].
export function probabilities(f, weight, bias) {
  const [classes, hidden] = [bias.length, weight.length / bias.length];
  const [frames, mean, logits] = [f.length / hidden, new Float64Array(classes), new Float64Array(classes)];
  for (let t = 0; t < frames; t++) {
    for (let k = 0; k < classes; k++) {
      let sum = bias[k];
      for (let j = 0; j < hidden; j++) sum += weight[k * hidden + j] * f[t * hidden + j];
      logits[k] = sum;
    }
    const most = logits.reduce((a, b) => Math.max(a, b));
    const parts = logits.map((value) => Math.exp(value - most));
    const whole = parts.reduce((a, b) => a + b);
    parts.forEach((part, k) => (mean[k] += part / whole / frames));
  }
  return mean;
}

// Σ |p − q|: from 0 where two classifiers agree to 2 where they have nothing in common.
export const distance = (p, q) => p.reduce((sum, value, k) => sum + Math.abs(value - q[k]), 0);

// S_t of each state, from class probabilities of all: the share of the way from the first to the last; NaN where nothing has moved in the end.
export const shareOfWay = (states) => states.map((p) => {
  const [gone, left] = [distance(p, states[0]), distance(p, states.at(-1))];
  return gone / (gone + left);
});

// The mean state of change: the area over a curve of progress from 0 to 1, in states.
export const area = (progress) => progress.reduce((sum, value) => sum + 1 - value, 0);
