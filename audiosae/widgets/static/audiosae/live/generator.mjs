// The small generator: words and a seed become music, state after state, each heard and read by the classifiers as it comes.
import { field, make, options } from "../elements.mjs";
import { able, newest, workerEngine } from "./engine.mjs";
import { area, distance, shareOfWay } from "./flow.mjs";
import { Player, download, safeGain } from "../player.mjs";
import { spectrogram } from "./plots.mjs";

const TARGET = -23; // LUFS at which states are compared
const STAY = 1000; // ms between states that are decoded unasked, while others come in: decoding takes as long as a step
const LABELS = { dynamics: "loudness" }; // of kinds of word that go by another name here
const BEGIN = { seed: 0, words: { part: "piano", instrument: "grand piano", players: "together", pace: "fast" } };
const READ = { noisy: "the noisy state", clean: "what it expects to end as" };

const button = (textContent, properties) => make("button", { type: "button", textContent, ...properties });

// `name` of the generator's folder, `told` its index.json; `start()` gives ask(job, told), see engine.mjs.
export function build(element, name, told, { start = workerEngine, size = "" } = {}) {
  const title = `${told.title}, live`;
  const status = make("p", { className: "audiosae-status" });
  status.setAttribute("role", "status");
  const load = button("Load");
  const panel = make("div", { hidden: true });
  const note = make("span", { className: "audiosae-note", textContent: size });
  const results = make("div", { hidden: true });
  element.replaceChildren(make("p", { className: "audiosae-title", textContent: title }), make("p", {}, load, " ", note), panel, status, results);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", title);
  [element.dataset.liveState, element.dataset.states] = ["idle", "0"];
  if (told.why || !able()) {
    [element.dataset.liveState, load.parentElement.hidden] = ["failed", true];
    status.textContent = told.why ?? "This browser cannot compute sounds (it lacks WebAssembly with SIMD, workers or Web Audio).";
    return;
  }

  const asked = [asking("The piece", told.kinds), asking("A second piece", told.kinds)]; // begins as a copy of the first, so that one thing can be changed
  asked[0].set(BEGIN);
  asked[1].node.hidden = true;
  const second = make("input", { type: "checkbox" });
  const generate = button(`Generate ${told.seconds} s`);
  const stop = button("Stop", { disabled: true });
  const state = make("input", { type: "range", min: 0, max: told.states - 1, step: 1, value: 0 });
  const place = make("output");
  const slider = field("state", state, place);
  slider.classList.add("audiosae-slider");
  const what = make("select", {}, ...options(Object.entries(READ)));
  const which = make("select", {}, ...options([[0, "the first"], [1, "the second"]]));
  const beside = make("div", {}, field("piece", which));
  const play = button("Play");
  const save = button("Download WAV");
  const picture = spectrogram();
  const views = make("div", { className: "audiosae-views" }, picture.node);
  const chart = chartOf(told.states);
  const readout = make("dl", { className: "audiosae-readout" });
  panel.append(asked[0].node, field("a second piece to compare with", second), asked[1].node, make("p", {}, generate, " ", stop));
  results.append(
    make("div", { className: "audiosae-controls" }, slider, field("hear and read", what), beside), make("p", {}, play, " ", save), views, chart.node,
    make("p", { className: "audiosae-found", textContent: "Most likely to the classifiers, over the whole state:" }), readout,
  );

  let [ask, classes] = [null, null];
  let run = { pieces: [], done: 0, over: true }; // what the classifiers said of each piece { noisy: [], clean: [] }; how many states all pieces have
  let [following, sound] = [true, null]; // whether the newest state is the one shown; what is in the player { wave, gain, key, run }
  const player = new Player(() => {
    play.textContent = player.playing ? "Pause" : "Play";
    follow();
  });

  function follow() {
    views.style.setProperty("--played", player.duration ? player.position / player.duration : 0);
    if (player.playing) requestAnimationFrame(follow);
  }

  load.addEventListener("click", async () => {
    [element.dataset.liveState, load.disabled, status.textContent] = ["loading", true, "Loading…"];
    ask ??= start();
    try {
      ({ classes } = await ask("generator", { name }));
      [element.dataset.liveState, load.parentElement.hidden, panel.hidden, status.textContent] = ["ready", true, false, "Choose words, or leave them, and press Generate."];
      generate.focus();
    } catch (error) {
      [element.dataset.liveState, load.disabled, status.textContent] = ["failed", false, `It did not load: ${error.message}. Press Load to try again.`];
    }
  });

  // Of the two buttons one works; a focus on the other goes along.
  function computing(on) {
    const [from, to] = on ? [generate, stop] : [stop, generate];
    to.disabled = false;
    if (document.activeElement === from) to.focus();
    from.disabled = true;
  }

  generate.addEventListener("click", async () => {
    const wanted = asked.filter(({ node }) => !node.hidden).map((each) => each.get());
    const mine = { pieces: wanted.map(() => ({ noisy: [], clean: [] })), done: 0, over: false };
    [run, following, results.hidden, beside.hidden] = [mine, true, true, wanted.length === 1];
    if (beside.hidden) which.value = 0;
    computing(true);
    [element.dataset.states, status.textContent] = ["0", "Computing state after state; Play lets you hear the newest."];
    delete element.dataset.heard;
    let [began, heard] = [performance.now(), -Infinity];
    try {
      await ask("generate", { wanted });
      while (mine.done < told.states && !mine.over) {
        for (const [piece, said] of mine.pieces.entries()) {
          const answer = await ask("advance", { piece });
          for (const of of Object.keys(READ)) said[of].push(answer[of]);
        }
        mine.done += 1;
        if (following) state.value = mine.done - 1;
        results.hidden = false;
        show();
        if (mine.done === told.states || performance.now() - heard > STAY) {
          await hear();
          heard = performance.now();
        }
        element.dataset.states = String(mine.done);
      }
      status.textContent = mine.done < told.states ? `Stopped after ${mine.done} of ${told.states} states.`
        : `All ${told.states} states are there, after ${((performance.now() - began) / 1000).toFixed(1)} s. Move the slider to hear each.`;
    } catch (error) {
      status.textContent = error.message;
    }
    mine.over = true;
    computing(false);
    show();
  });
  stop.addEventListener("click", () => (run.over = true));

  const chosen = () => ({ piece: Number(which.value), number: Number(state.value), what: what.value });

  // The chosen state takes the place of what is in the player.
  const hear = newest(async () => {
    const [now, mine] = [chosen(), run];
    const key = Object.values(now).join("-");
    if (!mine.done || (sound?.run === mine && sound.key === key)) return;
    try {
      const { wave, loudness } = await ask("hear", now);
      if (mine !== run) return;
      sound = { wave, gain: safeGain(wave, loudness, TARGET), key, run };
      player.show(wave, told.sampleRate, sound.gain);
      picture.show(wave[0].map((value) => value * sound.gain), told.sampleRate);
      element.dataset.heard = key;
    } catch (error) {
      status.textContent = error.message;
    }
  });

  // Curves and words for the chosen state. Until the last is there, nobody knows the way to it: the curves are then distances from the first.
  function show() {
    if (!run.done) return;
    const [{ piece, number, what: reading }, last, whole] = [chosen(), told.states - 1, run.done === told.states];
    place.textContent = `${number} of ${last}`;
    state.setAttribute("aria-valuetext", `state ${place.textContent}${{ 0: ", noise", [last]: ", music" }[number] ?? ""}`);
    const lines = Object.keys(classes).map((property) => ({ property, curves: run.pieces.map((said) => {
      const states = said[reading].map((p) => p[property]);
      return whole ? shareOfWay(states) : states.map((p) => distance(p, states[0]));
    }) }));
    chart.show(lines, number, whole, READ[reading]);
    readout.setAttribute("aria-live", run.over ? "polite" : "off");
    readout.replaceChildren(...Object.entries(run.pieces[piece][reading][number]).map(([property, p]) => {
      const likely = p.indexOf(Math.max(...p));
      return make("div", {}, make("dt", { textContent: property }), make("dd", { textContent: `${classes[property][likely]}, ${Math.round(100 * p[likely])} %` }));
    }));
  }

  const changed = () => {
    show();
    hear();
  };
  state.addEventListener("input", () => {
    state.value = Math.min(state.value, run.done - 1);
    following = Number(state.value) === run.done - 1;
    changed();
  });
  for (const node of [what, which]) node.addEventListener("change", changed);
  second.addEventListener("change", () => {
    asked[1].node.hidden = !second.checked;
    if (second.checked) asked[1].set(asked[0].get());
  });
  play.addEventListener("click", async () => {
    if (player.playing) return player.pause();
    await hear();
    player.play();
  });
  save.addEventListener("click", async () => {
    await hear();
    download(sound, told.sampleRate, `${name}-${sound.key}`);
  });
}

// What one piece is asked for: a word of each kind, or any, and a seed.
function asking(legend, kinds) {
  const selects = Object.entries(kinds).map(([kind, words]) => [kind, make("select", {}, ...options([["", "any"], ...words.map((word) => [word, word])]))]);
  const seed = make("input", { type: "number", min: 0, step: 1 });
  const controls = [...selects.map(([kind, select]) => field(LABELS[kind] ?? kind, select)), field("seed", seed)];
  return {
    node: make("fieldset", {}, make("legend", { textContent: legend }), make("div", { className: "audiosae-controls" }, ...controls)),
    get: () => ({ seed: Number(seed.value), words: Object.fromEntries(selects.map(([kind, select]) => [kind, select.value])) }),
    set(wanted) {
      seed.value = wanted.seed;
      for (const [kind, select] of selects) select.value = wanted.words[kind] ?? "";
    },
  };
}

// Curves over all states, a second piece's dashed, and a line at the state heard.
function chartOf(states) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "img");
  const key = make("p", { className: "audiosae-key" });
  const draw = (tag, properties, textContent = "") => {
    const node = Object.assign(document.createElementNS("http://www.w3.org/2000/svg", tag), { textContent });
    for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
    svg.append(node);
  };
  return {
    node: make("figure", { className: "audiosae-curves" }, svg, key),
    // `lines` of { property, curves: values of each piece }; once `whole`, the values are shares of the way.
    show(lines, number, whole, reading) {
      const [width, height, top] = [(svg.clientWidth || 610) - 10, 150, whole ? 1 : 2];
      svg.setAttribute("viewBox", `-5 -18 ${width + 10} ${height + 24}`);
      const [x, y] = [(at) => (width * at) / (states - 1), (value) => height * (1 - (value || 0) / top)];
      const label = `${whole ? "Share of the way from noise to music" : "How far the classifiers' answers have moved since noise, 0 to 2"}, read from ${reading}`;
      svg.replaceChildren();
      for (const value of [0, top]) {
        draw("line", { x1: 0, x2: width, y1: y(value), y2: y(value), class: "rule" });
        draw("text", { x: 0, y: y(value) - 4 }, value);
      }
      draw("line", { x1: x(number), x2: x(number), y1: 0, y2: height, class: "cursor" });
      for (const { property, curves } of lines) {
        curves.forEach((values, piece) => {
          draw("polyline", { points: values.map((value, at) => `${x(at)},${y(value)}`).join(" "), class: property, "stroke-dasharray": piece ? "7 5" : "none" });
          draw("circle", { cx: x(number), cy: y(values[number]), r: 4.5, class: property });
        });
      }
      const and = (curves, digits, told) => curves.map((values) => told(values).toFixed(digits)).join(" and ");
      const texts = lines.map(({ property, curves }) => {
        const mean = whole ? `, mean state of change ${and(curves, 1, area)}` : "";
        return [property, `${property} ${and(curves, 2, (values) => values[number])}${mean}`];
      });
      svg.setAttribute("aria-label", `${label}: ${texts.map(([, text]) => text).join("; ")}`);
      const second = lines[0].curves.length > 1 ? ["Dashed: the second piece."] : [];
      key.replaceChildren(`${label}:`, ...texts.map(([property, textContent]) => make("span", { className: `audiosae-${property}`, textContent })), ...second);
    },
  };
}
