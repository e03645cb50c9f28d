// What a sound looks like: a waveform to point into, curves of what was measured, a spectrogram; each with a line where the sound is.
import { fft } from "./signal.mjs";

const RATIO = () => Math.min(2, globalThis.devicePixelRatio || 1);

function canvas(label, height) {
  const node = document.createElement("canvas");
  node.className = "audiosae-plot";
  node.style.height = `${height}px`;
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", label);
  return node;
}

// Clear a canvas at the size that it has on the page; returns context, width and height in CSS pixels, and a reader of colours.
function blank(node) {
  const [width, height, ratio] = [node.clientWidth || 600, node.clientHeight || 80, RATIO()];
  [node.width, node.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const context = node.getContext("2d");
  context.scale(ratio, ratio);
  const style = getComputedStyle(node);
  return { context, width, height, colour: (name) => style.getPropertyValue(`--${name}`).trim() || "#888" };
}

// The waveform. Dragging over it chooses a span, a click a position: `chosen([from, to] | null)` and `sought(share)`, both as shares of the length.
export function waveform(chosen, sought) {
  const node = canvas("Waveform. Drag to push a part of the sound alone, double-click for the whole.", 72);
  let [wave, span, start] = [null, null, null];
  const share = (event) => Math.max(0, Math.min(1, event.offsetX / node.clientWidth));
  const draw = () => {
    if (!wave) return;
    const { context, width, height, colour } = blank(node);
    if (span) {
      context.fillStyle = colour("accent");
      context.globalAlpha = 0.2;
      context.fillRect(span[0] * width, 0, (span[1] - span[0]) * width, height);
      context.globalAlpha = 1;
    }
    context.fillStyle = colour("quiet");
    const per = wave.length / width;
    const most = wave.reduce((peak, value) => Math.max(peak, Math.abs(value)), 1e-6);
    for (let x = 0; x < width; x++) {
      let peak = 0;
      for (let i = Math.floor(x * per); i < (x + 1) * per; i++) peak = Math.max(peak, Math.abs(wave[i]));
      const tall = Math.max(1, (peak / most) * height);
      context.fillRect(x, (height - tall) / 2, 1, tall);
    }
  };
  const tell = (next) => {
    span = next;
    draw();
  };
  node.addEventListener("pointerdown", (event) => {
    node.setPointerCapture(event.pointerId);
    start = share(event);
  });
  node.addEventListener("pointermove", (event) => {
    if (start !== null && Math.abs(share(event) - start) > 0.01) tell([Math.min(start, share(event)), Math.max(start, share(event))]);
  });
  node.addEventListener("pointerup", (event) => {
    if (start === null) return;
    if (Math.abs(share(event) - start) > 0.01) chosen(span);
    else sought(start);
    start = null;
  });
  node.addEventListener("dblclick", () => {
    tell(null);
    chosen(null);
  });
  return {
    node,
    redraw: draw,
    show(next) {
      wave = next;
      draw();
    },
    select: tell,
  };
}

// One measured property over time, of the original (grey) and of what is heard, and a target as a dashed line; `scale` brings values to the
// axis, `toldAt` writes a value there, and `unit` is the least that it leaves free at either end.
export function curve(property, label, scale, toldAt, unit) {
  const node = canvas(label, 84);
  let told = null;
  const draw = () => {
    if (!told) return;
    const { context, width, height, colour } = blank(node);
    const lines = [["quiet", told.original], [property, told.heard]].filter(([, values]) => values);
    const values = lines.flatMap(([, line]) => Array.from(line, scale)).filter(Number.isFinite);
    if (told.target !== null) values.push(scale(told.target));
    if (!values.length) return;
    let [low, high] = [Math.min(...values), Math.max(...values)];
    const room = Math.max((high - low) * 0.1, unit);
    [low, high] = [low - room, high + room];
    const y = (value) => height - ((value - low) / (high - low)) * height;
    if (told.target !== null) {
      context.strokeStyle = colour(property);
      context.setLineDash([5, 4]);
      context.beginPath();
      context.moveTo(0, y(scale(told.target)));
      context.lineTo(width, y(scale(told.target)));
      context.stroke();
      context.setLineDash([]);
    }
    for (const [name, line] of lines) {
      context.strokeStyle = colour(name);
      context.lineWidth = name === "quiet" ? 1.25 : 2;
      context.beginPath();
      let pen = false;
      line.forEach((value, i) => {
        const v = scale(value);
        if (Number.isFinite(v)) context[pen ? "lineTo" : "moveTo"]((i / (line.length - 1)) * width, y(v));
        pen = Number.isFinite(v);
      });
      context.stroke();
    }
    context.fillStyle = colour("quiet");
    context.font = "12px sans-serif";
    context.fillText(label, 4, 12);
    context.textAlign = "right";
    context.fillText(toldAt(high), width - 4, 12);
    context.fillText(toldAt(low), width - 4, height - 4);
  };
  return {
    node,
    redraw: draw,
    show(next) {
      told = next;
      draw();
    },
  };
}

// A spectrogram from 40 Hz to half the sample rate on a logarithmic axis, −90 to −10 dB from dark to light.
export function spectrogram() {
  const node = canvas("Spectrogram: time from left to right, pitch upwards from 40 Hz, bright is loud.", 112);
  const [columns, rows, size] = [320, 112, 2048];
  const window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  return {
    node,
    redraw() {},
    show(wave, rate) {
      [node.width, node.height] = [columns, rows];
      const context = node.getContext("2d");
      const image = context.createImageData(columns, rows);
      const bins = Array.from({ length: rows + 1 }, (_, row) => ((40 * (rate / 2 / 40) ** (row / rows)) / rate) * size);
      const [re, im] = [new Float64Array(size), new Float64Array(size)];
      for (let x = 0; x < columns; x++) {
        const start = Math.floor(((x + 0.5) * wave.length) / columns - size / 2);
        for (let i = 0; i < size; i++) re[i] = (wave[start + i] ?? 0) * window[i];
        im.fill(0);
        fft(re, im);
        for (let row = 0; row < rows; row++) {
          let power = 0;
          for (let bin = Math.floor(bins[row]); bin <= Math.max(Math.floor(bins[row]), bins[row + 1] - 1); bin++) power = Math.max(power, re[bin] ** 2 + im[bin] ** 2);
          const level = (10 * Math.log10(Math.max(power, 1e-12) / (size / 4) ** 2) + 90) / 80;
          image.data.set(magma(Math.max(0, Math.min(1, level))), ((rows - 1 - row) * columns + x) * 4);
        }
      }
      context.putImageData(image, 0, 0);
    },
  };
}

// Seven colours of matplotlib's magma, and between them straight lines.
const MAGMA = [[0, 0, 4], [45, 17, 96], [114, 31, 129], [183, 55, 121], [241, 96, 93], [254, 175, 119], [252, 253, 191]];
function magma(share) {
  const at = share * (MAGMA.length - 1);
  const [low, high] = [MAGMA[Math.floor(at)], MAGMA[Math.ceil(at)]];
  return [...low.map((value, i) => value + (high[i] - value) * (at % 1)), 255];
}
