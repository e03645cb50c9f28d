// A sparse autoencoder of any kind, and steering: the same sums as audiosae/sae and audiosae/steering.
const EPS = 1e-8;

export class Autoencoder {
  // Of a checkpoint as tensors.mjs reads it; its header names the kind.
  constructor({ tensors, told }) {
    const { kind, sizes } = JSON.parse(told.audiosae);
    [this.hidden, this.dim] = tensors["encoder.weight"].shape;
    for (const [name, tensor] of [["weight", "encoder.weight"], ["bias", "encoder.bias"], ["offset", "decoder.bias"], ["mean", "mean"], ["std", "std"]])
      this[name] = tensors[tensor].data;
    const { hidden, dim } = this;
    this.normalises = kind === "sae";
    this.most = kind === "imported sae" ? sizes.k : hidden; // features that a frame may keep
    this.threshold = kind === "imported sae" ? tensors.threshold.data : new Float32Array(hidden).fill(tensors.threshold?.data[0] ?? 0);
    const decoder = tensors["decoder.weight"].data; // [dim, hidden]
    this.columns = new Float32Array(hidden * dim); // one feature after another; of length 1 in a k-sparse one
    for (let j = 0; j < hidden; j++) {
      let square = 0;
      for (let d = 0; d < dim; d++) square += decoder[d * hidden + j] ** 2;
      const scale = kind === "k_sparse sae" ? 1 / Math.max(Math.sqrt(square), 1e-12) : 1;
      for (let d = 0; d < dim; d++) this.columns[j * dim + d] = decoder[d * hidden + j] * scale;
    }
  }

  // Latents [frames, dim] -> f [frames, hidden].
  encode(latents) {
    const { hidden, dim, weight, bias, mean, std, threshold } = this;
    const frames = latents.length / dim;
    const f = new Float32Array(frames * hidden);
    const x = new Float32Array(4 * dim);
    for (let t = 0; t < frames; t += 4) { // four frames at a time, so that a row of weights is read once for them
      const count = Math.min(4, frames - t);
      for (let i = 0; i < count * dim; i++) x[i] = (latents[t * dim + i] - mean[i % dim]) / std[i % dim];
      for (let j = 0, w = 0; j < hidden; j++, w += dim) {
        let [a, b, c, e] = [bias[j], bias[j], bias[j], bias[j]];
        for (let d = 0; d < dim; d++) {
          const v = weight[w + d];
          a += v * x[d];
          b += v * x[dim + d];
          c += v * x[2 * dim + d];
          e += v * x[3 * dim + d];
        }
        const [at, least] = [t * hidden + j, threshold[j]];
        if (a > least) f[at] = a;
        if (count > 1 && b > least) f[at + hidden] = b;
        if (count > 2 && c > least) f[at + 2 * hidden] = c;
        if (count > 3 && e > least) f[at + 3 * hidden] = e;
      }
    }
    for (let t = 0; t < frames; t++) {
      const row = f.subarray(t * hidden, (t + 1) * hidden);
      this.#keep(row);
      this.normalise(row);
    }
    return f;
  }

  // The features that a frame keeps, in place; values that tie with the last are kept too.
  #keep(row) {
    if (this.most >= this.hidden) return;
    const least = Float32Array.from(row).sort()[this.hidden - this.most];
    for (let j = 0; j < row.length; j++) if (row[j] < least) row[j] = 0;
  }

  // One frame of features to root mean square 1, in place, where the kind does so.
  normalise(row) {
    if (!this.normalises) return;
    let sum = 0;
    for (let j = 0; j < row.length; j++) sum += row[j] * row[j];
    const scale = 1 / Math.sqrt(sum / row.length + EPS);
    for (let j = 0; j < row.length; j++) row[j] *= scale;
  }

  // f [frames, hidden] -> W f [frames, dim], without bias and units.
  project(f) {
    const { hidden, dim, columns } = this;
    const frames = f.length / hidden;
    const out = new Float32Array(frames * dim);
    for (let t = 0; t < frames; t++) {
      const row = out.subarray(t * dim, (t + 1) * dim);
      for (let j = 0; j < hidden; j++) {
        const v = f[t * hidden + j];
        if (v !== 0) for (let d = 0, at = j * dim; d < dim; d++, at++) row[d] += v * columns[at];
      }
    }
    return out;
  }
}

// One clip, ready to be pushed along any direction. RMSNorm(f + αw) is (f + αw) over one number a frame, so W of it needs W f (once a clip),
// W w (once a direction), f·w, ‖f‖² and ‖w‖²: a move of the slider costs frames × dim. Only the ReLU variant needs the whole product.
export class Clip {
  constructor(sae, latents) {
    Object.assign(this, { sae, latents, frames: latents.length / sae.dim });
    this.f = sae.encode(latents);
    this.projected = sae.project(this.f);
    this.squares = this.#dots(null);
  }

  // f·w of each frame; ‖f‖² without a w.
  #dots(w) {
    const { hidden } = this.sae;
    return Float64Array.from({ length: this.frames }, (_, t) => {
      let sum = 0;
      for (let j = 0, at = t * hidden; j < hidden; j++, at++) sum += this.f[at] * (w ? w[j] : this.f[at]);
      return sum;
    });
  }

  // What steering needs of a direction w [hidden].
  towards(w) {
    const square = w.reduce((sum, v) => sum + v * v, 0);
    const mean = this.squares.reduce((sum, v) => sum + Math.sqrt(v), 0) / this.frames;
    return { w, dots: this.#dots(w), step: this.sae.project(w), square, length: Math.sqrt(square) / mean }; // r of α = 1
  }

  // Latents pushed with relative strength r in the frames of a span [from, to), unmoved elsewhere; variants as in Python.
  steer({ w, dots, step, square }, r, variant = "paper", [from, to] = [0, this.frames]) {
    const { sae, frames, projected, squares } = this;
    const { dim, hidden, offset, std, mean } = sae;
    const strength = (t) => (t >= from && t < to ? (r * Math.sqrt(squares[t])) / Math.sqrt(square) : 0);
    const out = new Float32Array(frames * dim);
    const whole = variant === "relu" ? sae.project(this.#rectified(w, strength)) : null;
    for (let t = 0; t < frames; t++) {
      const a = strength(t);
      const scale = !sae.normalises ? 1 : 1 / Math.sqrt((squares[t] + 2 * a * dots[t] + a * a * square) / hidden + EPS);
      for (let d = 0, at = t * dim; d < dim; d++, at++) {
        const moved = whole ? whole[at] : (projected[at] + a * step[d]) * scale;
        out[at] = variant === "remainder" ? this.latents[at] + (moved - projected[at]) * std[d] : (moved + offset[d]) * std[d] + mean[d];
      }
    }
    return out;
  }

  #rectified(w, strength) {
    const { hidden } = this.sae;
    const moved = new Float32Array(this.f.length);
    for (let t = 0; t < this.frames; t++) {
      const [a, row] = [strength(t), moved.subarray(t * hidden, (t + 1) * hidden)];
      for (let j = 0; j < hidden; j++) row[j] = Math.max(0, this.f[t * hidden + j] + a * w[j]);
      this.sae.normalise(row);
    }
    return moved;
  }

  // The features with the largest mean activation in a span, less their mean elsewhere in the clip: [[feature, activation]], strongest first.
  firing([from, to] = [0, this.frames], count = 12) {
    const { hidden } = this.sae;
    const means = Array.from({ length: hidden }, (_, j) => {
      let sum = 0;
      for (let t = from; t < to; t++) sum += this.f[t * hidden + j];
      return [j, sum / Math.max(1, to - from)];
    });
    return means.sort((a, b) => b[1] - a[1]).slice(0, count).filter(([, mean]) => mean > 0);
  }
}
