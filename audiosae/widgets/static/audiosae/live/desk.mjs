// The steering desk: any clip or sound of one's own, pushed along any direction by any amount, computed and measured as it plays.
import { field, make, options } from "../elements.mjs";
import { able, newest, workerEngine } from "./engine.mjs";
import { piano } from "./piano.mjs";
import { Player, download, safeGain } from "../player.mjs";
import { curve, spectrogram, waveform } from "./plots.mjs";

const TARGET = -23; // LUFS at which sounds are compared
const JUMP = 6; // dB: a sound that is louder than the original by more waits to be asked for
const RANGE = 40; // of α, both ways
const LONGEST = 15; // seconds of a sound of one's own
const OWN = "yours"; // stands for it among the clips
const KINDS = { paper: "the paper's", k_sparse: "k-sparse" };
const VARIANTS = { paper: "the paper's", relu: "with ReLU", remainder: "the change alone" };
const PROPERTIES = {
  pitch: { label: "pitch, MIDI note", scale: (hz) => 69 + 12 * Math.log2(hz / 440), told: (note) => round(note, 1), unit: 1, of: "f0" },
  amplitude: { label: "level, dBFS", scale: (rms) => 20 * Math.log10(Math.max(rms, 1e-6)), told: (dB) => round(dB, 1), unit: 2, of: "rms" },
  timbre: { label: "spectral centroid, Hz", scale: Math.log2, told: (octave) => round(2 ** octave, 0), unit: 0.1, of: "centroid" },
};

const REST = 120; // ms that the slider rests before its sound is measured, so that the next one need not wait
const decibels = (gain) => 20 * Math.log10(gain);
const level = ({ loudness, gain }) => Math.max(loudness, -70) + decibels(gain); // LUFS at which a sound is heard
const median = (values) => values.sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
const round = (number, digits) => number.toFixed(digits).replace("-", "−");

// `codecs`: { name: title } of those that compute; `start()` gives ask(job, told), see engine.mjs; `browser(codec, kind, feature)` is the address
// of a feature's page, where there is one.
export function build(element, codecs, { start = workerEngine, browser = null, size = "" } = {}) {
  const asked = new URLSearchParams(browser ? location.search : ""); // a link to a state; in JupyterLab the address is not ours
  const wished = (name, values, otherwise) => (values.includes(asked.get(name)) ? asked.get(name) : otherwise);
  const status = make("p", { className: "audiosae-status" });
  status.setAttribute("role", "status");
  const load = make("button", { type: "button", textContent: "Load" });
  const panel = make("div", { hidden: true });
  element.replaceChildren(
    make("p", { className: "audiosae-title", textContent: "Steering, live" }),
    make("p", {}, load, " ", make("span", { className: "audiosae-note", textContent: size })), panel, status,
  );
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Steering, live");
  [element.dataset.liveState, element.dataset.rendered] = ["idle", "0"];

  const codec = make("select", {}, ...options(Object.entries(codecs)));
  codec.value = wished("codec", Object.keys(codecs), Object.keys(codecs)[0]);
  const kind = make("select", {}, ...options(Object.entries(KINDS)));
  kind.value = wished("kind", Object.keys(KINDS), "paper");
  const clip = make("select");
  const file = make("input", { type: "file", accept: "audio/*" });
  const record = make("button", { type: "button", textContent: "Record" });
  const directions = [...Object.keys(PROPERTIES), "feature"];
  const property = make("select", {}, ...options(directions.map((name) => [name, name])));
  property.value = asked.has("feature") ? "feature" : wished("property", directions, "amplitude");
  const target = make("select");
  const number = make("input", { type: "number", min: 0, step: 1, value: parseInt(asked.get("feature"), 10) || 0 });
  const firing = make("button", { type: "button", textContent: "What fires here?" });
  const about = make("a", { textContent: "What does it stand for?", hidden: !browser });
  const found = make("p", { className: "audiosae-found" });
  const alpha = make("input", { type: "range", min: -RANGE, max: RANGE, step: 0.1, value: parseFloat(asked.get("a")) || 0 });
  const strength = make("output");
  const variant = make("select", {}, ...options(Object.entries(VARIANTS)));
  variant.value = wished("step", Object.keys(VARIANTS), "paper");
  const play = make("button", { type: "button", textContent: "Play" });
  const original = make("button", { type: "button", textContent: "Hear the original (or hold O)" });
  const louder = make("button", { type: "button", hidden: true });
  const save = make("button", { type: "button", textContent: "Download WAV" });
  const [from, to] = [0, 1].map(() => make("input", { type: "number", min: 0, step: 0.05 }));
  const whole = make("button", { type: "button", textContent: "Whole sound" });
  const readout = make("dl", { className: "audiosae-readout" });
  const keys = piano((note) => {
    [property.value, target.value] = ["pitch", note - 30];
    if (Number(alpha.value) === 0) alpha.value = 10;
    direct();
  });
  const views = {
    wave: waveform(chooseSpan, (share) => player.seek(share * player.duration)),
    ...Object.fromEntries(Object.entries(PROPERTIES).map(([name, { label, scale, told, unit }]) => [name, curve(name, label, scale, told, unit)])),
    spectrum: spectrogram(),
  };
  const shown = make("div", { className: "audiosae-views" }, ...Object.values(views).map(({ node }) => node));
  const slider = field("α", alpha, strength);
  slider.classList.add("audiosae-slider");
  const ofClass = field("target", target);
  const ofFeature = field("feature number", number, firing, about);
  panel.append(
    make("div", { className: "audiosae-controls" }, field("codec", codec), field("autoencoder", kind), field("clip", clip), field("your sound", file, record)),
    make("div", { className: "audiosae-controls" }, field("direction", property), ofClass, ofFeature, field("step", variant)),
    found, slider, keys.node,
    make("p", { className: "audiosae-buttons" }, play, original, louder, save),
    shown,
    make("div", { className: "audiosae-controls" }, field("push from, s", from), field("to, s", to), whole),
    readout,
  );

  let ask = null;
  let info = null;
  let span = null; // the part that is pushed, as shares of the clip
  let sounds = {}; // original and steered: { wave, measured, loudness, gain }
  let beside = false; // whether the original is heard
  let accepted = false; // whether a sound may be louder than the original by more than JUMP
  let mine = null; // the bytes of a sound of one's own, for the next codec
  const player = new Player(() => {
    play.textContent = player.playing ? "Pause" : "Play";
    follow();
  });

  function follow() {
    shown.style.setProperty("--played", player.duration ? player.position / player.duration : 0);
    if (player.playing) requestAnimationFrame(follow);
  }

  // An error is told, and nothing else changes. It stands until the reader's next act.
  async function attempt(work) {
    try {
      await work();
    } catch (error) {
      status.textContent = error.message;
    }
  }
  panel.addEventListener("input", () => { status.textContent = ""; });
  panel.addEventListener("click", () => { status.textContent = ""; });

  load.addEventListener("click", async () => {
    const focused = document.activeElement === load;
    [element.dataset.liveState, load.disabled, status.textContent] = ["loading", true, "Loading…"];
    try {
      ask ??= start();
      await open();
      load.parentElement.hidden = true;
      [element.dataset.liveState, status.textContent, panel.hidden] = ["ready", "", false];
      if (focused) codec.focus({ preventScroll: true });
      redraw();
      render();
    } catch (error) {
      [element.dataset.liveState, load.disabled] = ["failed", false];
      status.textContent = `It did not load: ${error.message}. Press Load to try again.`;
    }
  });

  // Load codec and autoencoder; another codec begins with the clip at hand, or with the first one.
  async function open() {
    const opened = await ask("load", { name: codec.value, kind: kind.value });
    const another = info?.title !== opened.info.title;
    info = opened.info;
    number.max = info.hidden[kind.value] - 1;
    if (Number(number.value) > number.max) number.value = 0;
    found.replaceChildren();
    if (!another) return;
    const kept = clip.value || asked.get("clip");
    clip.replaceChildren(...options(info.clips.map(({ clip: name, text }) => [name, text])));
    if (mine) clip.append(...options([[OWN, "your sound"]]));
    clip.value = Array.from(clip.options, ({ value }) => value).includes(kept) ? kept : info.begin;
    showTargets(parseInt(asked.get("class"), 10));
    await begin();
  }

  // The chosen clip: first heard as the codec gives it back, which needs no autoencoder.
  async function begin() {
    const { frames } = clip.value === OWN ? await ask("sound", { wave: await decoded(mine) }) : await ask("clip", { clip: clip.value });
    const { wave, loudness } = await ask("render", {});
    sounds = { original: { frames, wave, loudness, gain: safeGain(wave, loudness, TARGET) } };
    [span, accepted] = [null, false];
    found.replaceChildren();
    heard();
    views.wave.show(wave[0]);
    showSpan();
  }

  function showTargets(wanted) {
    const classes = info.classes[property.value];
    [ofClass.hidden, ofFeature.hidden, keys.node.hidden] = [!classes, Boolean(classes), property.value !== "pitch"];
    if (!classes) return;
    target.replaceChildren(...options(classes.map((name, k) => [k, name])));
    target.value = classes[wanted] ? wanted : info.targets[property.value].high;
  }

  function chooseSpan(next) {
    span = next;
    showSpan();
    render();
  }

  function showSpan() {
    views.wave.select(span);
    const seconds = sounds.original.wave[0].length / info.sampleRate;
    [from.value, to.value] = (span ?? [0, 1]).map((share) => (share * seconds).toFixed(2));
    [from.max, to.max, whole.disabled] = [seconds, seconds, !span];
  }

  const within = () => span?.map((share) => Math.round(share * sounds.original.frames));

  const direction = () =>
    property.value === "feature" ? { what: "feature", number: Number(number.value) } : { what: "class", property: property.value, number: Number(target.value) };

  const render = newest((superseded) => attempt(async () => {
    const [a, before] = [Number(alpha.value), sounds.original];
    const { wave, r, loudness } = await ask("render", { direction: direction(), alpha: a, variant: variant.value, span: within() });
    strength.textContent = `${round(a, 1)} (r ${round(r, 2)})`;
    alpha.setAttribute("aria-valuetext", strength.textContent);
    if (superseded() || before !== sounds.original) return;
    // Where loudness is the subject, the steered sound keeps the gain of the original; else both are equally loud.
    const aim = property.value === "amplitude" ? loudness + decibels(before.gain) : level(before);
    sounds.steered = { wave, loudness, gain: safeGain(wave, loudness, aim) };
    heard();
    address();
    clearTimeout(resting);
    resting = setTimeout(measure, REST);
  }));

  let resting = null;
  const measure = newest((superseded) => attempt(async () => {
    const { original: before, steered } = sounds;
    for (const sound of [steered, before]) {
      sound.measured ??= await ask("measure", { wave: sound.wave });
      if (superseded() || steered !== sounds.steered) return;
    }
    show();
  }));

  // A new sound is there.
  function heard() {
    hear();
    element.dataset.rendered = Number(element.dataset.rendered) + 1;
  }

  function hear() {
    const { original: before, steered = before } = sounds;
    const sound = beside ? before : steered;
    const rise = level(sound) - level(before);
    const held = rise > JUMP && !accepted;
    louder.hidden = !held;
    louder.textContent = `${rise.toFixed(0)} dB louder than the original, held at ${JUMP}: hear it in full`;
    player.show(sound.wave, info.sampleRate, held ? sound.gain * 10 ** ((JUMP - rise) / 20) : sound.gain);
  }

  function show() {
    const { original: before, steered } = sounds;
    for (const [name, { of }] of Object.entries(PROPERTIES)) {
      const centre = property.value === name ? info.centres[name][Number(target.value)] : null;
      const aim = centre === null ? null : name === "pitch" ? 440 * 2 ** ((centre - 69) / 12) : centre;
      views[name].show({ original: before.measured[of], heard: steered.measured[of], target: aim });
    }
    views.spectrum.show(steered.wave[0], info.sampleRate);
    const buzzes = steered.measured.comb - before.measured.comb > info.buzz;
    const middle = ({ measured }, { of, scale, told }) => {
      const known = Array.from(measured[of], scale).filter(Number.isFinite);
      return known.length ? told(median(known)) : "none found";
    };
    const rows = {
      ...Object.fromEntries(Object.values(PROPERTIES).map((each) => [each.label, `${middle(steered, each)} (original ${middle(before, each)})`])),
      "loudness": `${round(steered.loudness, 1)} LUFS before matching (original ${round(before.loudness, 1)})`,
      [`buzz at ${info.frameRate.toPrecision(3)} Hz, the frame rate`]: buzzes ? "yes: the sound has collapsed" : "no",
    };
    readout.replaceChildren(...Object.entries(rows).map(([dt, dd]) => make("div", {}, make("dt", { textContent: dt }), make("dd", { textContent: dd }))));
  }

  function address() {
    const push = property.value === "feature" ? { feature: number.value } : { property: property.value, class: target.value };
    if (!browser) return;
    about.href = browser(codec.value, kind.value, number.value);
    const state = { codec: codec.value, kind: kind.value, clip: clip.value, ...push, a: alpha.value, step: variant.value };
    history.replaceState(null, "", `?${new URLSearchParams(state)}${location.hash}`);
  }

  function redraw() {
    for (const view of Object.values(views)) view.redraw();
  }
  new ResizeObserver(redraw).observe(shown);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  function direct() {
    showTargets(Number(target.value));
    render();
  }
  const reopen = newest(() => attempt(async () => {
    await open();
    await render();
  }));
  for (const node of [codec, kind]) node.addEventListener("change", () => reopen());
  const another = newest(() => attempt(async () => {
    await begin();
    await render();
  }));
  clip.addEventListener("change", () => another());
  property.addEventListener("change", () => {
    showTargets();
    render();
  });
  for (const node of [target, variant]) node.addEventListener("change", () => render());
  for (const node of [alpha, number]) node.addEventListener("input", () => node.checkValidity() && node.value !== "" && render());
  for (const node of [from, to]) {
    node.addEventListener("change", () => {
      const shares = [from, to].map(({ value, max }) => Math.max(0, Math.min(1, value / max)));
      if (shares[0] < shares[1]) chooseSpan(shares);
      else showSpan();
    });
  }
  whole.addEventListener("click", () => chooseSpan(null));
  play.addEventListener("click", () => (player.playing ? player.pause() : player.play()));
  louder.addEventListener("click", () => {
    accepted = true;
    hear();
  });
  const compare = (on) => {
    beside = on;
    original.setAttribute("aria-pressed", String(on));
    hear();
  };
  original.addEventListener("click", () => compare(!beside));
  element.addEventListener("keydown", (event) => {
    const typed = event.target.matches("select, input:not([type=range])");
    if (typed || event.repeat || event.ctrlKey || event.metaKey || event.altKey || panel.hidden) return;
    if (event.key.toLowerCase() === "o") compare(true);
    else if (!keys.node.hidden) keys.press(event.key.toLowerCase());
  });
  element.addEventListener("keyup", (event) => event.key.toLowerCase() === "o" && beside && compare(false));
  save.addEventListener("click", () => {
    download(beside ? sounds.original : sounds.steered, info.sampleRate, `${codec.value}-${clip.value}-${beside ? "original" : alpha.value}`);
  });
  firing.addEventListener("click", () => attempt(async () => {
    const { features } = await ask("firing", { span: within() });
    found.replaceChildren("Fires here, strongest first: ", ...features.flatMap(([feature, mean]) => {
      const button = make("button", { type: "button", textContent: feature, title: `mean activation ${mean.toFixed(2)}` });
      button.addEventListener("click", () => {
        number.value = feature;
        render();
      });
      return [button, " "];
    }));
  }));

  // A sound of one's own: any file that the browser decodes, at the codec's rate, its first seconds.
  async function decoded(bytes) {
    const context = new OfflineAudioContext(1, 1, info.sampleRate);
    const heard = await context.decodeAudioData(bytes.slice());
    const length = Math.min(heard.length, LONGEST * info.sampleRate);
    return Array.from({ length: Math.min(heard.numberOfChannels, 2) }, (_, c) => heard.getChannelData(c).slice(0, length));
  }
  const take = (blob) => attempt(async () => {
    const bytes = await blob.arrayBuffer();
    await decoded(bytes).catch(() => { throw new Error("This browser cannot read that file as sound; try WAV, MP3, FLAC or OGG."); });
    mine = bytes;
    clip.querySelector(`[value=${OWN}]`)?.remove();
    clip.append(...options([[OWN, "your sound"]]));
    clip.value = OWN;
    await another();
  });
  file.addEventListener("change", () => file.files[0] && take(file.files[0]));
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    const [dropped] = event.dataTransfer.files;
    if (dropped && info) take(dropped);
  });
  let recorder = null;
  record.addEventListener("click", () => attempt(async () => {
    if (recorder) return recorder.stop();
    player.pause();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, autoGainControl: false, noiseSuppression: false } });
    const parts = [];
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      [recorder, record.textContent] = [null, "Record"];
      take(new Blob(parts));
    };
    recorder.start();
    record.textContent = `Stop (at most ${LONGEST} s)`;
    setTimeout((mineNow) => recorder === mineNow && recorder.stop(), LONGEST * 1000, recorder);
  }));

  if (start === workerEngine && !able()) {
    [element.dataset.liveState, load.disabled] = ["failed", true];
    status.textContent = "This browser cannot compute sounds here: it lacks WebAssembly with SIMD, workers or Web Audio. Section 4 of each codec has recorded ones.";
  }
}
