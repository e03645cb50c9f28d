// Sound as numbers: resampling, spectra, level, brightness, loudness, buzz. The same sums as audiosae/audio/labels.py, audio/io.py,
// audio/loudness.py and steering/validity.py; tests hold them against Python's.

export const RATE = 44100; // at which labels are measured
const WINDOW = 2048;
const SILENCE = 1e-3; // −60 dBFS

// The mean of the channels of a wave [channels][samples].
export function mono(wave) {
  const [first, ...others] = wave;
  if (!others.length) return first;
  return first.map((value, i) => others.reduce((sum, channel) => sum + channel[i], value) / wave.length);
}

// A windowed sinc, as torchaudio.functional.resample with lowpass_filter_width=32: [samples] -> [ceil(samples · to / from)].
export function resample(wave, from, to) {
  if (from === to) return wave;
  const { step, phases, filters } = filtersBetween(from, to);
  const out = new Float32Array(Math.ceil((wave.length * to) / from));
  for (let i = 0; i < out.length; i++) {
    const { first, taps } = filters[i % phases];
    let at = Math.floor(i / phases) * step + first;
    let sum = 0;
    for (let k = 0; k < taps.length; k++, at++) if (at >= 0 && at < wave.length) sum += taps[k] * wave[at];
    out[i] = sum;
  }
  return out;
}

const kept = new Map();

function filtersBetween(from, to) {
  const key = `${from}:${to}`;
  if (!kept.has(key)) {
    let [a, b] = [from, to];
    while (b) [a, b] = [b, a % b];
    const [step, phases, zeros] = [from / a, to / a, 32];
    const base = Math.min(step, phases) * 0.99;
    const width = Math.ceil((zeros * step) / base);
    const filters = [];
    for (let phase = 0; phase < phases; phase++) {
      const taps = [];
      let first = null;
      for (let k = -width; k < width + step; k++) {
        const t = (k / step - phase / phases) * base;
        if (Math.abs(t) >= zeros) continue;
        first ??= k;
        const window = Math.cos((t * Math.PI) / zeros / 2) ** 2;
        const angle = t * Math.PI;
        taps.push((window * (angle === 0 ? 1 : Math.sin(angle) / angle) * base) / step);
      }
      filters.push({ first, taps: Float32Array.from(taps) });
    }
    kept.set(key, { step, phases, filters });
  }
  return kept.get(key);
}

// Fourier transform in place; the length is a power of 2.
export function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  const { cosine, sine } = turns(n);
  for (let size = 2; size <= n; size <<= 1) {
    const [half, stride] = [size >> 1, n / size];
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < half; k++) {
        const [a, b, c, s] = [start + k, start + k + half, cosine[k * stride], sine[k * stride]];
        const x = re[b] * c + im[b] * s;
        const y = im[b] * c - re[b] * s;
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
    }
  }
}

const circles = new Map();

function turns(n) {
  if (!circles.has(n)) {
    const angles = Float64Array.from({ length: n / 2 }, (_, k) => (2 * Math.PI * k) / n);
    circles.set(n, { cosine: angles.map(Math.cos), sine: angles.map(Math.sin) });
  }
  return circles.get(n);
}

const hann = (length, period) => Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / period));
const HANN = hann(WINDOW, WINDOW);

// Power of a real signal that is windowed and filled up with zeros: [size / 2 + 1].
function power(signal, window, size) {
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < signal.length; i++) re[i] = signal[i] * window[i];
  fft(re, im);
  return re.subarray(0, size / 2 + 1).map((value, i) => value * value + im[i] * im[i]);
}

// Windows of 2048 samples centred at times in s of a mono sound at 44.1 kHz: calls back with each, zeros beyond the ends.
function eachWindow(wave, times, told) {
  const cut = new Float32Array(WINDOW);
  times.forEach((time, number) => {
    const start = Math.min(roundHalfEven(time * RATE), wave.length + WINDOW / 2) - WINDOW / 2;
    for (let i = 0; i < WINDOW; i++) cut[i] = wave[start + i] ?? 0;
    told(cut, number);
  });
}

function roundHalfEven(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

export const frameTimes = (frames, rate) => Float64Array.from({ length: frames }, (_, i) => (i + 0.5) / rate);

// RMS and spectral centroid (Hz, NaN in digital silence) at times of a mono sound at 44.1 kHz.
export function levelAndBrightness(wave, times) {
  const [rms, centroid] = [new Float32Array(times.length), new Float32Array(times.length)];
  eachWindow(wave, times, (cut, number) => {
    rms[number] = Math.sqrt(cut.reduce((sum, value) => sum + value * value, 0) / WINDOW);
    let [sum, moment] = [0, 0];
    power(cut, HANN, WINDOW).forEach((value, bin) => {
      const magnitude = Math.sqrt(value);
      sum += magnitude;
      moment += magnitude * bin;
    });
    centroid[number] = rms[number] > 0 ? ((moment / sum) * RATE) / WINDOW : NaN;
  });
  return { rms, centroid };
}

// Which frames have a pitch.
export const voiced = (confidence, rms) => Array.from(confidence, (sure, i) => sure >= 0.5 && rms[i] > SILENCE);

export const toMidi = (hz) => 69 + 12 * Math.log2(hz / 440);

// Integrated loudness of a wave [channels][samples] in LUFS (ITU-R BS.1770-4), −Infinity for silence.
export function loudness(wave, rate) {
  const block = 0.4 * rate;
  const length = Math.max(wave[0].length, Math.ceil(block) + 1);
  const weighted = wave.map((channel) => kWeighted(channel, length, rate));
  const count = Math.round((length / rate - 0.4) / 0.1) + 1;
  const blocks = [];
  for (let j = 0; j < count; j++) {
    const [from, to] = [Math.floor(0.4 * j * 0.25 * rate), Math.floor(0.4 * (j * 0.25 + 1) * rate)];
    let sum = 0;
    for (const channel of weighted) for (let i = from; i < Math.min(to, length); i++) sum += channel[i] * channel[i];
    blocks.push(sum / block);
  }
  const level = (mean) => -0.691 + 10 * Math.log10(mean);
  const mean = (list) => (list.length ? list.reduce((sum, value) => sum + value, 0) / list.length : 0);
  const heard = blocks.filter((value) => level(value) >= -70);
  const gate = level(mean(heard)) - 10;
  return level(mean(heard.filter((value) => level(value) > gate)));
}

function kWeighted(channel, length, rate) {
  const out = new Float64Array(length);
  out.set(channel);
  const shelf = () => {
    const [A, w, q] = [10 ** (4 / 40), (2 * Math.PI * 1500) / rate, Math.SQRT1_2];
    const [cos, alpha, root] = [Math.cos(w), Math.sin(w) / (2 * q), Math.sqrt(A)];
    return [
      A * (A + 1 + (A - 1) * cos + 2 * root * alpha), -2 * A * (A - 1 + (A + 1) * cos), A * (A + 1 + (A - 1) * cos - 2 * root * alpha),
      A + 1 - (A - 1) * cos + 2 * root * alpha, 2 * (A - 1 - (A + 1) * cos), A + 1 - (A - 1) * cos - 2 * root * alpha,
    ];
  };
  const highPass = () => {
    const w = (2 * Math.PI * 38) / rate;
    const [cos, alpha] = [Math.cos(w), Math.sin(w)];
    return [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2, 1 + alpha, -2 * cos, 1 - alpha];
  };
  for (const [b0, b1, b2, a0, a1, a2] of [shelf(), highPass()]) {
    let [x1, x2, y1, y2] = [0, 0, 0, 0];
    for (let i = 0; i < length; i++) {
      const x = out[i];
      const y = (b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2) / a0;
      [x2, x1, y2, y1] = [x1, x, y1, y];
      out[i] = y;
    }
  }
  return out;
}

// How far a mono sound is a buzz at the codec's frame rate, 0 to 1.
export function comb(wave, rate, frameRate) {
  const [width, multiples] = [0.08, 12];
  const size = 2 ** Math.ceil(Math.log2(wave.length));
  const energies = power(wave, hann(wave.length, wave.length - 1), size);
  const [on, all] = [[], []];
  energies.forEach((energy, bin) => {
    const place = (bin * rate) / size / frameRate;
    const multiple = Math.round(place);
    all[multiple] = (all[multiple] ?? 0) + energy;
    if (multiple >= 1 && Math.abs(place - multiple) <= width) on[multiple] = (on[multiple] ?? 0) + energy;
  });
  const sum = (list) => list.reduce((total, value) => total + (value ?? 0), 0);
  const shares = Array.from({ length: multiples }, (_, i) => (on[i + 1] ?? 0) / Math.max(all[i + 1] ?? 0, 1e-20)).sort((a, b) => a - b);
  return Math.min(sum(on) / Math.max(sum(all), 1e-20), (shares[5] + shares[6]) / 2);
}
