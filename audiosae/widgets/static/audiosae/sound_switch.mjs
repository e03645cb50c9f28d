// One player that controls switch among sounds. `build` draws it; where a sound comes from is the caller's affair:
// Python through a live model (`render`, below), or files (mount.mjs).

let count = 0;

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// `fetchState(indices, heard)` resolves to { url, readout, release }; `release`, where there is one, frees the sound.
// `heard` says whether the listener has played anything yet: until then an address will do, and nothing is loaded.
export function build(element, description, fetchState) {
  const id = `audiosae-${++count}`;
  const indices = description.axes.map(() => 0);
  const audio = make("audio", { controls: true, preload: "none" });
  const readout = make("dl", { className: "audiosae-readout" });
  const status = make("p", { className: "audiosae-status" });
  status.setAttribute("role", "status");
  audio.setAttribute("aria-label", description.title);

  const controls = make("div", { className: "audiosae-controls" });
  description.axes.forEach(([name, labels], axis) => {
    const slider = axis === description.axes.length - 1;
    const control = slider ? sliderFor(labels) : listFor(labels);
    control.input.id = `${id}-${axis}`;
    control.input.disabled = labels.length < 2;
    control.input.addEventListener("input", () => {
      indices[axis] = Number(control.input.value);
      control.show(indices[axis]);
      choose();
    });
    controls.append(
      make("div", { className: slider ? "audiosae-axis audiosae-slider" : "audiosae-axis" },
        make("label", { htmlFor: control.input.id, textContent: name }), ...control.nodes),
    );
  });

  element.replaceChildren(
    make("p", { className: "audiosae-title", textContent: description.title }),
    controls, audio, readout, status,
  );
  if (description.caption) {
    element.append(make("p", { className: "audiosae-caption", textContent: description.caption }));
  }
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", description.title);

  // Only the newest choice counts: while one is being fetched, the next waits, and those between are forgotten.
  let busy = false;
  let waiting = false;
  async function choose() {
    waiting = true;
    if (busy) return;
    busy = true;
    while (waiting) {
      waiting = false;
      const wanted = [...indices];
      // A sound that is there at once should not make the text flicker.
      const notice = setTimeout(() => { status.textContent = "Computing…"; }, 200);
      try {
        const state = await fetchState(wanted, audio.readyState > 0 || !audio.paused);
        if (waiting) {
          state.release?.();
        } else {
          play(state);
          status.textContent = "";
          element.dataset.state = wanted.join("-");
        }
      } catch (error) {
        status.textContent = error.message;
      } finally {
        clearTimeout(notice);
      }
    }
    busy = false;
  }

  // The new sound goes on where the old one was, and plays only if the old one did.
  let position = 0;
  let releaseOld;
  function play({ url, readout: values, release }) {
    const playing = !audio.paused && !audio.ended;
    if (audio.readyState > 0) position = audio.ended ? 0 : audio.currentTime;
    audio.src = url;
    releaseOld?.();
    releaseOld = release;
    if (playing) {
      // A quick second move stops this one before it has begun; that is no fault.
      audio.play().catch((error) => { if (error.name !== "AbortError") status.textContent = error.message; });
    }
    readout.replaceChildren(...values.map(([key, value]) =>
      make("div", {}, make("dt", { textContent: key }), make("dd", { textContent: value }))));
  }
  audio.addEventListener("loadedmetadata", () => {
    if (position > 0 && position < audio.duration) audio.currentTime = position;
    position = 0;
  });
  audio.addEventListener("error", () => { status.textContent = "This sound could not be loaded."; });

  return choose();
}

function sliderFor(labels) {
  const input = make("input", { type: "range", min: 0, max: labels.length - 1, step: 1, value: 0 });
  const output = make("output");
  const show = (index) => {
    output.textContent = labels[index];
    input.setAttribute("aria-valuetext", labels[index]);
  };
  show(0);
  return { input, nodes: [input, output], show };
}

function listFor(labels) {
  const input = make("select", {}, ...labels.map((text, index) => make("option", { value: index, textContent: text })));
  return { input, nodes: [input], show: () => {} };
}

// The live form: anywidget calls this in JupyterLab, and Python answers each request with an MP3.
function render({ model, el }) {
  const pending = new Map();
  let request = 0;
  const answered = (message, buffers) => {
    const settle = pending.get(message.request);
    if (!settle) return;
    pending.delete(message.request);
    if (message.error) return settle.reject(new Error(message.error));
    const url = URL.createObjectURL(new Blob([buffers[0]], { type: "audio/mpeg" }));
    settle.resolve({ url, readout: message.readout, release: () => URL.revokeObjectURL(url) });
  };
  model.on("msg:custom", answered);
  const element = make("div", { className: "audiosae-switch" });
  el.append(element);
  build(element, model.get("description"), async (indices) => {
    // A slider on the move should not ask for every value that it passes.
    await new Promise((resolve) => setTimeout(resolve, 120));
    const number = ++request;
    return new Promise((resolve, reject) => {
      pending.set(number, { resolve, reject });
      model.send({ request: number, indices });
    });
  });
  return () => model.off("msg:custom", answered);
}

export default { render };
