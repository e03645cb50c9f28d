// One player that controls switch among sounds. `build` draws it; where a sound comes from is the caller's affair:
// Python through a live model (`render`, below), or files (mount.mjs).

import { field, make, options } from "./elements.mjs";
import { decode, soundView } from "./sound_view.mjs";

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
